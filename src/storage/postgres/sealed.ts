/**
 * What is secret, sealed before it goes into the database, which never sees the key: AES-256-GCM with a nonce of its
 * own for each text.
 *
 * What a text belongs to is sealed in with it, so that nobody who writes to the database can give one account the
 * token of another.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { Clock } from '../../domain/clock.ts'
import { StoreFailed } from '../../domain/errors.ts'
import type { Secret } from '../../domain/secret.ts'

export interface Seal {
  /** @param owner what the text belongs to, which must be given again to read it */
  close(text: string, owner: string): Uint8Array
  /** The text, or `undefined` when it was sealed with another key, for another owner, or is damaged. */
  open(sealed: Uint8Array, owner: string): string | undefined
}

const algorithm = 'aes-256-gcm'
const [nonceBytes, tagBytes] = [12, 16]
/** The first byte, for another way of sealing some day. */
const version = 1

/** @param key of the setting `store.key` */
export function createSeal(key: Secret, clock: Pick<Clock, 'randomBytes'>): Seal {
  const bytes = Buffer.from(key.reveal(), 'base64')
  return {
    close(text, owner) {
      const nonce = clock.randomBytes(nonceBytes)
      const cipher = createCipheriv(algorithm, bytes, nonce).setAAD(Buffer.from(owner))
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([Buffer.of(version), nonce, cipher.getAuthTag(), body])
    },
    open(sealed, owner) {
      if (sealed[0] !== version || sealed.length < 1 + nonceBytes + tagBytes) return undefined
      const [nonceEnd, tagEnd] = [1 + nonceBytes, 1 + nonceBytes + tagBytes]
      const decipher = createDecipheriv(algorithm, bytes, sealed.subarray(1, nonceEnd))
        .setAAD(Buffer.from(owner))
        .setAuthTag(sealed.subarray(nonceEnd, tagEnd))
      try {
        return decipher.update(sealed.subarray(tagEnd), undefined, 'utf8') + decipher.final('utf8')
      } catch {
        return undefined
      }
    },
  }
}

/** For what was sealed with another key: nothing of it is lost. */
export function wrongKey(what: string): StoreFailed {
  return new StoreFailed(`cannot unseal ${what}: it was sealed with another store.key`, {
    remedy: 'Give this daemon the store.key (STORE_KEY_FILE) that the others have. Nothing was changed.',
    isLasting: true,
  })
}
