/**
 * Whose retained state is to be told again, and in which order: the most general first, modules in the order of their
 * first news. Of what waits for one module the largest news is kept, and whether a request ID has ended.
 */
import { type BlinkId, keyOf, type ModuleKey } from '../domain/model.ts'

/** What changed of a module: a request ID ended, its progress, or what it is. */
const allNews = ['end', 'progress', 'identity'] as const
export type News = (typeof allNews)[number]

export type Entry =
  | { readonly kind: 'bridge' }
  | { readonly kind: 'account'; readonly accountId: BlinkId }
  | { readonly kind: 'gone'; readonly key: ModuleKey }
  | { readonly kind: 'module'; readonly key: ModuleKey; readonly news: News; readonly ended: boolean }
  | Mark

/** A place in the queue: whoever put it there is told when all before it was taken. */
interface Mark {
  readonly kind: 'mark'
  readonly reached: () => void
}

export class StateNews {
  #bridge = false
  readonly #accounts = new Set<BlinkId>()
  readonly #gone = new Map<string, ModuleKey>()
  readonly #modules = new Map<string | Mark, Extract<Entry, { kind: 'module' }> | Mark>()

  bridge(): void {
    this.#bridge = true
  }

  account(accountId: BlinkId): void {
    this.#accounts.add(accountId)
  }

  module(key: ModuleKey, news: News): void {
    const name = keyOf(key)
    // What is left of a module's life does not take back its clearing; whether it is there again, its view tells.
    if (news !== 'identity' && this.#gone.has(name)) return
    this.#gone.delete(name)
    const noted = this.#modules.get(name)
    const before = noted?.kind === 'module' ? noted : undefined
    const ended = news === 'end' || (before?.ended ?? false)
    const isLarger = !before || allNews.indexOf(before.news) < allNews.indexOf(news)
    this.#modules.set(name, { kind: 'module', key, news: isLarger ? news : before.news, ended })
  }

  gone(key: ModuleKey): void {
    this.#modules.delete(keyOf(key))
    this.#gone.set(keyOf(key), key)
  }

  mark(reached: () => void): void {
    const mark = { kind: 'mark', reached } as const
    this.#modules.set(mark, mark)
  }

  /** The next one, which waits no more. */
  take(): Entry | undefined {
    if (this.#bridge) {
      this.#bridge = false
      return { kind: 'bridge' }
    }
    const [accountId] = this.#accounts
    if (accountId !== undefined) {
      this.#accounts.delete(accountId)
      return { kind: 'account', accountId }
    }
    const [departed] = this.#gone
    if (departed) {
      this.#gone.delete(departed[0])
      return { kind: 'gone', key: departed[1] }
    }
    const [next] = this.#modules
    if (next) this.#modules.delete(next[0])
    return next?.[1]
  }
}
