import { expect, test } from 'vitest'
import {
  type EligibilityRules,
  ineligibility,
  isWanted,
  outcomeOfSkip,
} from '../../../src/domain/eligibility.ts'
import type { SkipReason, StorageStatus } from '../../../src/domain/model.ts'
import { aModule } from '../../support/samples.ts'

const all: EligibilityRules = { include: [], exclude: [], askAll: false }

test('a module that is online, set up and has a drive is eligible', () => {
  expect(ineligibility(aModule(), all)).toBeUndefined()
})

test('a module with a full drive is eligible: that is when its owner wants to look', () => {
  expect(ineligibility(aModule({ storage: 'memory_full' }), all)).toBeUndefined()
})

test('a module whose storage the cloud does not show is eligible', () => {
  expect(ineligibility(aModule({ storage: undefined }), all)).toBeUndefined()
})

test('a module without a usable drive is ineligible', () => {
  const unusable: readonly StorageStatus[] = ['format_required', 'unmounted', 'unavailable', 'unknown']

  const reasons = unusable.map((storage) => ineligibility(aModule({ storage }), all))

  expect(reasons).toEqual(['no_storage', 'no_storage', 'no_storage', 'no_storage'])
  expect(ineligibility(aModule({ storage: 'incompatible' }), all)).toBe('incompatible')
})

test('a module that is away or not set up is ineligible', () => {
  expect(ineligibility(aModule({ connection: 'offline' }), all)).toBe('offline')
  expect(ineligibility(aModule({ connection: 'unknown' }), all)).toBe('offline')
  expect(ineligibility(aModule({ onboarded: false, connection: 'offline' }), all)).toBe('not_onboarded')
})

test("with the owner's word every module but the excluded is eligible", () => {
  const askAll = { ...all, askAll: true }
  const hopeless = aModule({ onboarded: false, connection: 'offline', storage: 'incompatible' })

  expect(ineligibility(hopeless, askAll)).toBeUndefined()
  expect(ineligibility(hopeless, { ...askAll, exclude: ['44107'] })).toBe('excluded')
})

test('what is included is a network or one sync module of it', () => {
  const hall = aModule()

  expect(isWanted(hall, { ...all, include: ['44107'] })).toBe(true)
  expect(isWanted(hall, { ...all, include: ['1', '44107/350221'] })).toBe(true)
  expect(isWanted(hall, { ...all, include: ['44107/350222'] })).toBe(false)
  expect(isWanted(hall, { ...all, include: ['4410'] })).toBe(false)
  expect(isWanted(hall, { ...all, include: ['350221'] })).toBe(false)
})

test('excluded wins over included', () => {
  const rules = { ...all, include: ['44107'], exclude: ['44107/350221'] }

  expect(ineligibility(aModule(), rules)).toBe('excluded')
  expect(ineligibility(aModule({ syncModuleId: '7' }), rules)).toBeUndefined()
})

test('an excluded module is excluded before it is anything else', () => {
  expect(ineligibility(aModule({ connection: 'offline' }), { ...all, exclude: ['44107'] })).toBe('excluded')
})

test('the outcome of a module that was not requested is its own word, else skipped', () => {
  const reasons: readonly SkipReason[] = [
    'offline',
    'no_storage',
    'incompatible',
    'excluded',
    'paused',
    'not_onboarded',
    'asked_recently',
    'out_of_time',
  ]

  const outcomes = reasons.map(outcomeOfSkip)

  expect(outcomes.slice(0, 3)).toEqual(['offline', 'no_storage', 'incompatible'])
  expect(new Set(outcomes.slice(3))).toEqual(new Set(['skipped']))
})
