/**
 * JSON whose numbers keep their digits.
 *
 * Blink's ids are 64 bit wide, and JSON.parse would round the largest of them to a neighbour's id. An integer
 * that a JavaScript number cannot hold, or that is written as something else than an integer (`1e3`, `4.0`),
 * comes out as the text it was.
 */

/**
 * Where a number may stand that JavaScript would write in another way: one with sixteen digits, a fraction, an
 * exponent, or minus zero. A text in quotes that looks like one costs time and nothing else.
 */
const unusualNumber = /(?:^|[:,[])\s*-?(?:\d{16}|\d+[.eE]|(?<=-)0)/

/** The value of a JSON text, or `undefined` for anything that is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return unusualNumber.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text)
  } catch {
    // Besides syntax errors this is the overflow of the stack by something nested a million deep.
    return undefined
  }
}

function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined) return value
  const isAsWritten = Number.isSafeInteger(value)
    ? String(value) === context.source
    : !Number.isInteger(value)
  return isAsWritten ? value : context.source
}
