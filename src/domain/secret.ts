/**
 * A value that must not be seen: whatever prints it prints `[secret]`.
 *
 * The text is in a private field, so that console.log, JSON.stringify, template strings, spreads and pino all
 * miss it; `reveal` is easy to search for.
 */
import { inspect } from 'node:util'

const shown = '[secret]'

export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  reveal(): string {
    return this.#text
  }

  toString(): string {
    return shown
  }

  toJSON(): string {
    return shown
  }

  [inspect.custom](): string {
    return shown
  }
}
