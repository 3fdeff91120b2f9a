/**
 * The few forms of Jinja templates that our documents use, understood well enough to say what they make of a value.
 *
 *   {{ value_json.a.b }}                       a field
 *   {{ value or 'text' }}                      a text for what is empty
 *   {{ 'A' if CONDITION else EXPRESSION }}     with `x`, `x == 'text'` or `x in ['text', …]` as condition
 *
 * Anything else is no template, so a new form cannot be used without being tried here.
 */

const path = 'value(?:_json(?:\\.[a-z_]+)+)?'
const text = "'[^']*'"
const operand = `(?:${path}|${text})`
const condition = `(${path})(?: == (${text})| in \\[(${text}(?:, ${text})*)\\])?`
const expression = new RegExp(`^(${operand})(?: or (${operand}))?$`)
const choice = new RegExp(`^(${operand}) if ${condition} else (.+)$`)
const whole = /^\{\{ (.+) \}\}$/
const inJson = /^\{"[a-z_]+": "\{\{ value \}\}"\}$/

export function isTemplate(template: unknown): boolean {
  if (typeof template !== 'string') return false
  if (inJson.test(template)) return true
  const inner = whole.exec(template)?.[1] ?? ''
  const otherwise = choice.exec(inner)?.at(-1)
  return expression.test(otherwise ?? inner)
}

/** What Home Assistant would make of a payload; `undefined` where a variable of the template has no value. */
export function render(template: string, payload: string): string | undefined {
  if (inJson.test(template)) return template.replace('{{ value }}', payload)
  const inner = whole.exec(template)?.[1]
  if (inner === undefined) throw new Error(`no such template: ${template}`)
  const value = evaluate(inner, payload)
  return value === undefined ? undefined : printed(value)
}

/** As Jinja prints it, which is as Python does. */
function printed(value: unknown): string {
  if (value === null) return 'None'
  if (value === true) return 'True'
  if (value === false) return 'False'
  return String(value)
}

function evaluate(inner: string, payload: string): unknown {
  const chosen = choice.exec(inner)
  if (chosen) {
    const [, yes = '', subject = '', equal, among, no = ''] = chosen
    const value = read(subject, payload)
    if (value === undefined) return undefined
    const holds =
      equal !== undefined
        ? value === unquoted(equal)
        : among !== undefined
          ? among.split(', ').map(unquoted).includes(String(value))
          : Boolean(value)
    return evaluate(holds ? yes : no, payload)
  }
  const [, first = '', second] = expression.exec(inner) ?? []
  const value = read(first, payload)
  return second !== undefined && !value && value !== undefined ? read(second, payload) : value
}

function read(operandText: string, payload: string): unknown {
  if (operandText.startsWith("'")) return unquoted(operandText)
  if (operandText === 'value') return payload
  const fields = operandText.split('.').slice(1)
  const document: unknown = JSON.parse(payload)
  return fields.reduce<unknown>(
    (value, field) => (typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined),
    document,
  )
}

function unquoted(quoted: string): string {
  return quoted.slice(1, -1)
}
