/**
 * What the settings hold that is secret or personal, so that it is found wherever it turns up.
 */
import { hostname } from 'node:os'
import type { Settings } from '../config/settings.ts'
import { Secret } from '../domain/secret.ts'
import type { KnownTexts } from './redaction.ts'

/** Shorter pieces of a secret with structure are the region, the client and the like. */
const shortestPiece = 6

export function knownIn(settings: Settings): KnownTexts {
  const texts = textsIn(settings)
  const secrets = texts.filter(({ isSecret }) => isSecret).map(({ text }) => text)
  return {
    secrets: [...new Set(secrets.flatMap(piecesOf))],
    names: settings.mqtt.username === undefined ? [] : [settings.mqtt.username],
    hosts: [...new Set([hostname(), ...texts.flatMap(({ text }) => hostsIn(text))])],
    directories: [settings.clips.directory],
  }
}

function textsIn(value: unknown): readonly { readonly text: string; readonly isSecret: boolean }[] {
  if (value instanceof Secret) return [{ text: value.reveal(), isSecret: true }]
  if (typeof value === 'string') return [{ text: value, isSecret: false }]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}

/** A secret, and the tokens or passwords inside of it: `key=value|key=value` on each line, or a URL. */
function piecesOf(secret: string): readonly string[] {
  const values = [...secret.matchAll(/[\w-]+=([^|\s]+)/g)].map(([, value = '']) => value)
  const url = /^[a-z]+:\/\//i.test(secret) ? URL.parse(secret) : null
  const pieces = [...values, url?.username ?? '', url?.password ?? ''].filter(
    (piece) => piece.length >= shortestPiece,
  )
  return [secret, ...pieces.flatMap((piece) => [piece, decoded(piece)])]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function hostsIn(text: string): readonly string[] {
  const url = /^[a-z]+:\/\//i.test(text) ? URL.parse(text) : null
  return url && url.hostname !== '' ? [url.hostname] : []
}
