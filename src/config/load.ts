/**
 * The settings: the only reader of the environment and of the settings file.
 *
 * The command line wins over the environment, that over the file, that over the defaults. Everything wrong is
 * told at once. What leaves here is plain, frozen and checked; convict holds the schema and the defaults and
 * gets finished values only, because its own reading of text is too forgiving.
 */
import { resolve } from 'node:path'
import convict from 'convict'
import { Document, isScalar, isSeq } from 'yaml'
import { ConfigInvalid } from '../domain/errors.ts'
import { Secret } from '../domain/secret.ts'
import { parseListen } from './addresses.ts'
import { type Checks, crossCheck } from './checks.ts'
import { type Environment, fromCommandLine, fromEnvironment, fromSharedEnvironment } from './environment.ts'
import { readProxies } from './proxies.ts'
import { settings as all, flagOf, isFileForm, type Setting, schema, type Values } from './schema.ts'
import type { LoadedConfig, Settings, ShownSetting } from './settings.ts'
import { readSettingsFile } from './settings-file.ts'
import { type Taken, take } from './take.ts'

export type { LoadedConfig, Settings, ShownSetting } from './settings.ts'

export interface ConfigSources extends Checks {
  readonly env: Environment
  readonly cwd: string
  /** From `--config`; the file must exist. */
  readonly configPath?: string | undefined
  /** From the command line: text by setting name, as `settingOptions` lists them. */
  readonly overrides?: ReadonlyMap<string, string> | undefined
}

const values: readonly Setting[] = all.filter((setting) => !isFileForm(setting))
const remedy = 'config/example.yaml holds every setting with its default and its reason.'

/**
 * Finds, reads and checks all settings.
 *
 * @throws ConfigInvalid with everything that is wrong, each with the place it came from
 */
export function loadConfig({ env, cwd, configPath, overrides, ...checks }: ConfigSources): LoadedConfig {
  const file = readSettingsFile(configPath, env, cwd)
  const own = [fromCommandLine(overrides ?? new Map()), fromEnvironment(env), file]
  const shared = fromSharedEnvironment(env, (name) => own.some(({ given }) => given.has(name)))
  const sources = [...own, shared]
  const taken = new Map(values.map((setting) => [setting.name, take(setting, sources, cwd)]))

  const finished = withConvict(taken)
  const originOf = (name: string) => originIn(taken.get(name))
  const usable = (...names: readonly string[]) => names.every((name) => taken.get(name)?.kind !== 'wrong')
  const checked = crossCheck({ values: finished, whole: file.whole, originOf, usable }, checks)

  const wrong = [...taken.values()].flatMap((one) => (one.kind === 'wrong' ? [one.problem] : []))
  const proxy = readProxies(env)
  const problems = [
    ...sources.flatMap((source) => source.problems),
    ...wrong,
    ...checked.problems,
    ...proxy.problems,
  ]
  if (problems.length > 0) throw new ConfigInvalid(problems, { remedy })

  const settings = { ...finish(finished, cwd), proxies: proxy.proxies }
  return deepFreeze({
    settings,
    shown: values.map((setting) => show(setting, settings, originOf)),
    proxy: proxy.shown,
    file: file.path,
    warnings: [...sources.flatMap((source) => source.warnings), ...checked.warnings, ...proxy.warnings],
  })
}

function originIn(taken: Taken | undefined): string {
  return taken === undefined || taken.kind === 'default' ? 'default' : taken.origin
}

/** The values over the defaults. Neither arguments nor environment are convict's to read. */
function withConvict(taken: ReadonlyMap<string, Taken>): Values {
  const config = convict<Values>(schema, { args: [], env: {} })
  for (const [name, one] of taken) {
    if (one.kind === 'value') config.set(name, one.value)
  }
  return config.validate({ allowed: 'strict' }).getProperties()
}

function finish(
  { dataDir, blink, mqtt, homeAssistant, ...rest }: Values,
  cwd: string,
): Omit<Settings, 'proxies'> {
  const { tokensFile: _tokensFile, ...cloud } = blink
  const { passwordFile: _passwordFile, ...broker } = mqtt
  return {
    dataDir: resolve(cwd, dataDir),
    blink: { ...cloud, tokens: hidden(blink.tokens) },
    mqtt: { ...broker, password: hidden(mqtt.password), listen: parseListen(mqtt.listen) },
    homeAssistant: { ...homeAssistant, enabled: homeAssistant.enabled && mqtt.topics === 'all' },
    ...rest,
  }
}

function hidden(text: string | undefined): Secret | undefined {
  return text === undefined ? undefined : new Secret(text)
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null) deepFreeze(part)
  }
  return Object.freeze(value)
}

function show({ name }: Setting, settings: Settings, originOf: (name: string) => string): ShownSetting {
  const derived = name === 'homeAssistant.enabled' && settings.mqtt.topics === 'work_items'
  const value = name === 'mqtt.listen' ? settings.mqtt.listen.text : valueAt(settings, name)
  return {
    name,
    value: value instanceof Secret ? value.toString() : (value ?? null),
    origin: derived ? 'mqtt.topics is work_items' : originOf(name),
  }
}

function valueAt(settings: object, name: string): unknown {
  const step = (at: unknown, key: string): unknown =>
    typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined
  return name.split('.').reduce(step, settings)
}

export interface SettingOption {
  readonly setting: string
  /** For instance `--mqtt-url`. */
  readonly flag: string
  readonly valueName: string
  readonly doc: string
  /** May stand without a value, which then is true. */
  readonly boolean: boolean
}

/** The command line's options; secrets have only the form that names a file. */
export const settingOptions: readonly SettingOption[] = all
  .filter(({ sensitive }) => !sensitive)
  .map((setting) => {
    const boolean = typeof setting.default === 'boolean'
    const usual = boolean ? 'true|false' : 'path'
    const { name, doc, valueName = usual } = setting
    return { setting: name, flag: flagOf(setting), valueName, doc, boolean }
  })

export interface SettingDescription {
  readonly name: string
  readonly env: string
  /** `undefined` when there is none. */
  readonly default: unknown
  readonly doc: string
}

/** Every setting, also those that name a secret's file, in the order of the schema. */
export function describeSettings(): readonly SettingDescription[] {
  return all.map(({ name, env, default: usual, doc }) => ({ name, env, default: usual, doc }))
}

/** The effective settings with their origins, secrets masked, for a person or a program. */
export function showConfig({ shown, proxy }: LoadedConfig, form: 'yaml' | 'json'): string {
  const nested: Record<string, unknown> = {}
  for (const { name, value } of shown) {
    const [section = name, key] = name.split('.')
    if (key === undefined) nested[section] = value
    else nested[section] = { ...Object(nested[section]), [key]: value }
  }
  if (form === 'json') {
    const origins = Object.fromEntries(shown.map(({ name, origin }) => [name, origin]))
    return `${JSON.stringify({ settings: nested, origins, ...(proxy.length > 0 && { proxy }) }, undefined, 2)}\n`
  }
  const document = new Document(nested)
  for (const { name, origin } of shown) {
    const node = document.getIn(name.split('.'), true)
    if (isSeq(node)) node.flow = true
    if (isSeq(node) || isScalar(node)) node.comment = ` ${origin}`
  }
  // A remark, for they are no settings: what is shown can be used as a settings file.
  const lines = proxy.map(({ name, value, origin }) => `   ${name}: ${value} (${origin})`)
  if (lines.length > 0) document.comment = [' Proxy for the cloud:', ...lines].join('\n')
  return document.toString({ lineWidth: 0, flowCollectionPadding: false })
}
