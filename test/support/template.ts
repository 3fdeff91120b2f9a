/**
 * The few forms of Jinja that our templates use, understood well enough to give their result for a value.
 *
 * Strict where Home Assistant is: a variable without a value is a warning or an error in its log, so a template
 * that meets one renders to nothing here. Anything that is not parsed is no template, so a new form cannot be used
 * without being tried here.
 *
 *   choice   : either ('if' either 'else' choice)?
 *   either   : both ('or' both)*           both : not ('and' not)*          not : 'not' not | compare
 *   compare  : piped ('==' piped | 'in' piped)?                             piped : operand ('|' filter)*
 *   operand  : (text | number | name | list | dict | '(' choice ')') ('.' name | '[' index ']')*
 */

type Token = { readonly kind: 'text' | 'number' | 'name' | 'sign'; readonly value: string }
interface Scope {
  readonly value: string
  /** `undefined` where the payload is no JSON. */
  readonly value_json: unknown
}
type Node = (scope: Scope) => unknown

/** A variable that has no value was used. */
class Undefined extends Error {}

const whole = /^\{\{ (.+) \}\}$/
const inJson = /^\{"[a-z_]+": "\{\{ value \}\}"\}$/
const tokenForm = /\s*(?:'([^']*)'|(\d+)|([a-z_]+)|(==|[|()[\]{}:.,-]))/y

export function isTemplate(template: unknown): boolean {
  if (typeof template !== 'string') return false
  if (inJson.test(template)) return true
  try {
    parse(template)
    return true
  } catch {
    return false
  }
}

/** What Home Assistant would make of a payload; `undefined` where a variable of the template has no value. */
export function render(template: string, payload: string): string | undefined {
  if (inJson.test(template)) return template.replace('{{ value }}', payload)
  try {
    return printed(defined(parse(template)({ value: payload, value_json: jsonOf(payload) })))
  } catch (error) {
    if (error instanceof Undefined) return undefined
    throw error
  }
}

function jsonOf(payload: string): unknown {
  try {
    return JSON.parse(payload)
  } catch {
    return undefined
  }
}

/** As Jinja prints it, which is as Python does. */
function printed(value: unknown): string {
  if (value === null) return 'None'
  if (value === true) return 'True'
  if (value === false) return 'False'
  return String(value)
}

function defined(value: unknown): unknown {
  if (value === undefined) throw new Undefined()
  return value
}

function isTrue(value: unknown): boolean {
  const known = defined(value)
  return Array.isArray(known) ? known.length > 0 : Boolean(known)
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  tokenForm.lastIndex = 0
  while (tokenForm.lastIndex < text.length) {
    const found = tokenForm.exec(text)
    if (!found) throw new Error(`no such template: ${text}`)
    const [, quoted, number, name, sign = ''] = found
    if (quoted !== undefined) tokens.push({ kind: 'text', value: quoted })
    else if (number !== undefined) tokens.push({ kind: 'number', value: number })
    else if (name !== undefined) tokens.push({ kind: 'name', value: name })
    else tokens.push({ kind: 'sign', value: sign })
  }
  return tokens
}

function parse(template: string): Node {
  const inner = whole.exec(template)?.[1]
  if (inner === undefined) throw new Error(`no such template: ${template}`)
  const tokens = tokensOf(inner)
  let at = 0

  const isNext = (value: string) => tokens[at]?.value === value && tokens[at]?.kind !== 'text'
  const take = (value: string) => {
    if (!isNext(value)) return false
    at++
    return true
  }
  const expect = (value: string) => {
    if (!take(value)) throw new Error(`no ${value} in ${template}`)
  }

  function choice(): Node {
    const yes = either()
    if (!take('if')) return yes
    const condition = either()
    expect('else')
    const no = choice()
    return (scope) => (isTrue(condition(scope)) ? yes(scope) : no(scope))
  }

  function either(): Node {
    let left = both()
    while (take('or')) {
      const [first, second] = [left, both()]
      left = (scope) => (isTrue(first(scope)) ? first(scope) : second(scope))
    }
    return left
  }

  function both(): Node {
    let left = not()
    while (take('and')) {
      const [first, second] = [left, not()]
      left = (scope) => (isTrue(first(scope)) ? second(scope) : first(scope))
    }
    return left
  }

  function not(): Node {
    if (!take('not')) return compare()
    const inner = not()
    return (scope) => !isTrue(inner(scope))
  }

  function compare(): Node {
    const left = piped()
    if (take('==')) {
      const right = piped()
      return (scope) => left(scope) === right(scope)
    }
    if (take('in')) {
      const right = piped()
      return (scope) => (right(scope) as unknown[]).includes(left(scope))
    }
    return left
  }

  function piped(): Node {
    let left = operand()
    while (take('|')) {
      const inner = left
      const filter = tokens[at++]?.value
      if (filter === 'to_json') left = (scope) => JSON.stringify(inner(scope))
      else if (filter === 'default') {
        expect('(')
        const otherwise = choice()
        expect(')')
        left = (scope) => inner(scope) ?? otherwise(scope)
      } else throw new Error(`no filter ${filter}`)
    }
    return left
  }

  function operand(): Node {
    let left = primary()
    for (;;) {
      const inner = left
      if (take('.')) {
        const name = tokens[at++]?.value ?? ''
        left = (scope) => fieldOf(defined(inner(scope)), name)
      } else if (take('[')) {
        const slice = take(':')
        const sign = take('-') ? -1 : 1
        const index = sign * Number(tokens[at++]?.value)
        expect(']')
        left = (scope) => {
          const list = defined(inner(scope)) as string | unknown[]
          return slice ? list.slice(0, index) : (list as unknown[]).at(index)
        }
      } else return left
    }
  }

  function primary(): Node {
    if (take('(')) {
      const inner = choice()
      expect(')')
      return inner
    }
    if (take('[')) return list()
    if (take('{')) return dict()
    const token = tokens[at++]
    if (token?.kind === 'text') return () => token.value
    if (token?.kind === 'number') return () => Number(token.value)
    switch (token?.value) {
      case 'value':
        return ({ value }) => value
      case 'value_json':
        return ({ value_json: document }) => document
      case 'true':
        return () => true
      case 'none':
        return () => null
      case 'false':
        return () => false
      default:
        throw new Error(`no such word: ${token?.value}`)
    }
  }

  function list(): Node {
    const items: Node[] = []
    while (!take(']')) {
      items.push(choice())
      if (!isNext(']')) expect(',')
    }
    return (scope) => items.map((item) => item(scope))
  }

  function dict(): Node {
    const entries: (readonly [string, Node])[] = []
    while (!take('}')) {
      const name = tokens[at++]
      expect(':')
      entries.push([name?.value ?? '', choice()])
      if (!isNext('}')) expect(',')
    }
    return (scope) => Object.fromEntries(entries.map(([name, node]) => [name, defined(node(scope))]))
  }

  const node = choice()
  if (at < tokens.length) throw new Error(`too much in ${template}`)
  return node
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
