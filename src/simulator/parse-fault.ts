/**
 * Reads what is sent to the simulator's own pages as JSON; everything that is wrong is reported at once.
 *
 * A path between slashes is an expression: `"/manifest\\/request$/"`. Everything else is a part of the path.
 */
import { type ClipTrouble, type ClipTroubleKind, clipTroubles } from './clip-trouble.ts'
import { doneByDefault, type Fault, type FaultKind } from './fault.ts'
import type { Motion } from './motion.ts'

export type Parsed<Value> = { readonly value: Value } | { readonly problems: readonly string[] }

type Fields = Readonly<Record<string, unknown>>
type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isFlag: Check = (value) => typeof value === 'boolean'
const isAnything: Check = () => true
const isCount: Check = (value) => Number.isInteger(value) && Number(value) >= 1
const isStatus: Check = (value) => Number.isInteger(value) && Number(value) >= 200 && Number(value) <= 599
const isPercent: Check = (value) => typeof value === 'number' && value >= 0 && value <= 100
const isSeconds: Check = (value) => typeof value === 'number' && value >= 0 && value <= 3_600
const isShare: Check = (value) => typeof value === 'number' && value >= 0 && value <= 1
const isWaiting: Check = (value) => typeof value === 'number' && value >= 0 && value <= 3_600_000
const isSize: Check = (value) => isCount(value) && Number(value) <= 10_000
const isHeaders: Check = (value) => isFields(value) && Object.values(value).every(isText)

const faultFields: Readonly<Record<string, readonly [Check, string]>> = {
  kind: [isText, 'one of the kinds'],
  method: [isText, 'a text'],
  path: [isPath, 'a text, or an expression between slashes'],
  accountId: [isCount, 'a positive integer'],
  count: [isCount, 'a positive integer'],
  probability: [isShare, 'a number from 0 to 1'],
  done: [isFlag, 'true or false'],
  status: [isStatus, 'an HTTP status from 200 to 599'],
  body: [isAnything, 'any JSON'],
  text: [isText, 'a text'],
  headers: [isHeaders, 'an object of texts'],
  delayMs: [isWaiting, 'milliseconds, up to an hour'],
  everyMs: [isWaiting, 'milliseconds, up to an hour'],
  megabytes: [isSize, 'an integer from 1 to 10000'],
  location: [isText, 'a URL'],
}

const neededBy: Partial<Readonly<Record<FaultKind, string>>> = {
  status: 'status',
  slow: 'delayMs',
  redirect: 'location',
}

const moduleFields: Readonly<Record<string, readonly [Check, string]>> = {
  name: [isText, 'a text'],
  networkId: [isCount, 'a positive integer'],
  type: [isText, 'a text'],
  subtype: [isText, 'a text'],
  serial: [isText, 'a text'],
  firmware: [isText, 'a text'],
  onboarded: [isFlag, 'true or false'],
  status: [isText, 'online or offline'],
  storage: [isText, 'active, memory_full, format_required, unmounted, unavailable, incompatible or absent'],
  storageEnabled: [isFlag, 'true or false'],
  storageCompatible: [isFlag, 'true or false'],
  storageUsed: [isPercent, 'a number from 0 to 100'],
}

const troubleFields: Readonly<Record<string, readonly [Check, string]>> = {
  kind: [isText, 'one of the kinds'],
  networkId: [isCount, 'a positive integer'],
  syncModuleId: [isCount, 'a positive integer'],
  cameraName: [isText, 'a text'],
  count: [isCount, 'a positive integer'],
  probability: [isShare, 'a number from 0 to 1'],
  seconds: [isSeconds, 'seconds, up to an hour'],
}

const motionFields: Readonly<Record<string, readonly [Check, string]>> = {
  camera: [(value) => isText(value) || isCount(value), "a camera's name or id"],
  networkId: [isCount, 'a positive integer'],
  size: [(value) => isCount(value) && Number(value) <= 1_048_576, 'KiB, up to 1048576'],
  delaySeconds: [isSeconds, 'seconds, up to an hour'],
}

export const faultKinds = Object.keys(doneByDefault)

export function parseFault(source: string): Parsed<Fault> {
  const parsed = parseFields(source, faultFields)
  if ('problems' in parsed) return parsed
  const { kind, path, status } = parsed.value
  if (!isKind(kind)) return { problems: [`kind must be one of ${faultKinds.join(', ')}`] }
  const needed = neededBy[kind]
  if (needed && parsed.value[needed] === undefined) return { problems: [`the kind ${kind} needs ${needed}`] }
  if (kind === 'edge' && status !== undefined && status !== 403 && status !== 406) {
    return { problems: ['status must be 403 or 406 for the kind edge'] }
  }
  const fault = { ...parsed.value, kind, ...(typeof path === 'string' && { path: toPath(path) }) }
  // The edge to JSON: each field was looked at above, which the compiler cannot follow.
  return { value: fault as Fault }
}

/** @returns the fields given, each of the right type */
export function parseModuleChange(source: string): Parsed<Fields> {
  return parseFields(source, moduleFields)
}

export const clipTroubleKinds = Object.keys(clipTroubles)

export function parseClipTrouble(source: string): Parsed<ClipTrouble> {
  const parsed = parseFields(source, troubleFields)
  if ('problems' in parsed) return parsed
  const { kind } = parsed.value
  if (!isTroubleKind(kind)) return { problems: [`kind must be one of ${clipTroubleKinds.join(', ')}`] }
  return { value: { ...parsed.value, kind } }
}

export function parseMotion(source: string): Parsed<Motion> {
  const parsed = parseFields(source, motionFields)
  if ('problems' in parsed) return parsed
  if (parsed.value.camera === undefined) return { problems: ['camera must be given'] }
  // The edge to JSON: each field was looked at above, which the compiler cannot follow.
  return { value: parsed.value as unknown as Motion }
}

function parseFields(
  source: string,
  known: Readonly<Record<string, readonly [Check, string]>>,
): Parsed<Fields> {
  const value = parseJson(source)
  if (!isFields(value)) return { problems: ['the body must be a JSON object'] }
  const problems = Object.entries(value).flatMap(([key, field]) => {
    const [check, expected] = known[key] ?? []
    if (!check) return [`${key} is not known; known are ${Object.keys(known).join(', ')}`]
    return check(field) ? [] : [`${key} must be ${expected}`]
  })
  return problems.length > 0 ? { problems } : { value }
}

function parseJson(source: string): unknown {
  try {
    return JSON.parse(source)
  } catch {
    return undefined
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isKind(value: unknown): value is FaultKind {
  return typeof value === 'string' && Object.hasOwn(doneByDefault, value)
}

function isTroubleKind(value: unknown): value is ClipTroubleKind {
  return typeof value === 'string' && Object.hasOwn(clipTroubles, value)
}

function isPath(value: unknown): boolean {
  if (typeof value !== 'string') return false
  try {
    toPath(value)
    return true
  } catch {
    return false
  }
}

function toPath(path: string): string | RegExp {
  const expression = /^\/(.+)\/$/s.exec(path)?.[1]
  return expression === undefined ? path : new RegExp(expression)
}
