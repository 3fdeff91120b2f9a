/**
 * The settings: the only reader of the environment and of the settings file.
 *
 * Convict has the schema, the defaults, the formats with their coercion, the environment, the order of the sources and
 * the validation. Done by hand is what it cannot do:
 *
 * - origins, line numbers, hints at the nearest name (`sources.ts`, `file.ts`): it keeps none;
 * - every problem with its place: its `validate` throws one text, which repeats values. Our formats remember what it
 *   refused (`formats.ts`);
 * - the command line: its parser reads `--mqtt-client-id 1e5` as 100000, and knows neither help nor commands. The texts
 *   go on top of the environment that it is given;
 * - secrets in files, which may be named in any source (`readSecrets`);
 * - what settings must be of each other and of the disk (`checks.ts`).
 */
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import convict from 'convict'
import { Document, isScalar, isSeq } from 'yaml'
import { withoutLastNewlines } from '../domain/decode.ts'
import { ConfigInvalid, type Problem } from '../domain/errors.ts'
import { Secret } from '../domain/secret.ts'
import { fromAppOptions } from './app-options.ts'
import { type Checks, crossCheck } from './checks.ts'
import { readSettingsFile, readTextFile } from './file.ts'
import { type Listen, parseListen, pathProblem, validate } from './formats.ts'
import { readProxies } from './proxies.ts'
import { settings as all, fileForm, flagOf, isFileForm, type Setting, schema, type Values } from './schema.ts'
import { type LoadedConfig, nested, type Settings, type ShownSetting, shownValues } from './settings.ts'
import {
  type Environment,
  fromCommandLine,
  fromEnvironment,
  fromSharedEnvironment,
  placeOf,
  type Source,
} from './sources.ts'
import { instanceOf } from './store-formats.ts'
import { fromMqttService, type MqttService } from './supervisor.ts'

export type { LoadedConfig, Settings, ShownSetting } from './settings.ts'

export interface ConfigSources extends Checks {
  readonly env: Environment
  readonly cwd: string
  /** From `--config`; the file must exist. */
  readonly configPath?: string | undefined
  /** From the command line: text by setting name, as `settingOptions` lists them. */
  readonly overrides?: ReadonlyMap<string, string> | undefined
  /** What Home Assistant's Supervisor said of the broker; absent where it was not asked. */
  readonly mqttService?: MqttService | undefined
}

const values: readonly Setting[] = all.filter((setting) => !isFileForm(setting))
const remedy = 'config/example.yaml holds every setting with its default and its reason.'

/**
 * Finds, reads and checks all settings.
 *
 * @throws ConfigInvalid with everything that is wrong, each with the place it came from
 */
export function loadConfig(needs: ConfigSources): LoadedConfig {
  const { env, cwd, configPath, overrides, mqttService, ...checks } = needs
  const [commandLine, environment] = [fromCommandLine(overrides ?? new Map()), fromEnvironment(env)]
  const options = fromAppOptions(env, cwd)
  const file = readSettingsFile(configPath, env, cwd)
  const isIn = (among: readonly Source[]) => (name: string) => among.some(({ given }) => given.has(name))
  const service = fromMqttService(
    mqttService,
    isIn([commandLine, environment, options]),
    file.given.has('mqtt.url'),
  )
  const isGiven = isIn([commandLine, environment, options, service, file])
  /** The strongest first. */
  const below = [options, service, file, fromSharedEnvironment(env, isGiven)]
  const sources = [commandLine, environment, ...below]

  const config = convict<Values>(schema, {
    args: [],
    env: { ...byVariable(environment), ...byVariable(commandLine) },
  })
  for (const { given } of below.toReversed())
    config.load(nested([...given].map(([name, { raw }]) => [name, raw])))
  for (const { name, isPath } of all) if (isPath) makeAbsolute(config, name, cwd)
  const secrets = readSecrets(config, sources)
  const refused = validate(config)

  const originOf = (name: string) => originIn(sources, secrets.files.get(name)?.form ?? name)
  const unfit = [...refused].map(([name, message]): Problem => {
    const inFile = secrets.files.get(name)
    if (!inFile) return { place: placeOf(name, originOf(name)), message }
    return { place: placeOf(inFile.form, originOf(name)), message: `what ${inFile.path} holds ${message}` }
  })
  const usable = (...names: readonly string[]) =>
    !names.some((name) => refused.has(name) || secrets.problems.has(name))
  const finished = config.getProperties()
  const checked = crossCheck({ values: finished, whole: file.whole, originOf, usable }, checks)
  const proxy = readProxies(env)
  const problems = [
    ...sources.flatMap((source) => source.problems),
    ...secrets.problems.values(),
    ...unfit,
    ...checked.problems,
    ...proxy.problems,
  ]
  if (problems.length > 0) throw new ConfigInvalid(problems, { remedy })

  const settings = { ...finish(finished), proxies: proxy.proxies }
  return deepFreeze({
    settings,
    shown: values.map((setting) => show(setting, settings, originOf)),
    proxy: proxy.shown,
    file: file.path,
    warnings: [...sources.flatMap((source) => source.warnings), ...checked.warnings, ...proxy.warnings],
  })
}

function originIn(sources: readonly Source[], name: string): string {
  return sources.find(({ given }) => given.has(name))?.given.get(name)?.origin ?? 'default'
}

/** The texts of a source as an environment would give them. */
function byVariable({ given }: Source): NodeJS.ProcessEnv {
  const variables = all.map(({ name, env }) => [env, given.get(name)?.raw.toString()] as const)
  return Object.fromEntries(variables.filter(([, text]) => text !== undefined))
}

function makeAbsolute(config: convict.Config<Values>, name: string, cwd: string): void {
  const path = valueAt(config.getProperties(), name)
  if (typeof path === 'string' && pathProblem(path) === undefined) config.set(name, resolve(cwd, path))
}

interface SecretsRead {
  /** Which secrets came from a file, and which setting named it. */
  readonly files: ReadonlyMap<string, { readonly form: string; readonly path: string }>
  readonly problems: ReadonlyMap<string, Problem>
}

/** Reads each secret from the file that is named for it, unless a stronger source gives the secret itself. */
function readSecrets(config: convict.Config<Values>, sources: readonly Source[]): SecretsRead {
  const files = new Map<string, { form: string; path: string }>()
  const problems = new Map<string, Problem>()
  for (const setting of all) {
    const { name } = setting
    const form = fileForm(setting)?.name
    const source = sources.find(({ given }) => given.has(name) || (form !== undefined && given.has(form)))
    if (form === undefined || !source) continue
    const [direct, named] = [source.given.get(name), source.given.get(form)]
    if (direct && named) {
      problems.set(name, {
        place: placeOf(name, direct.origin),
        message: `is given twice: also by ${named.origin}`,
      })
    }
    if (direct) {
      config.set(form, undefined)
      continue
    }
    config.set(name, undefined)
    const path = valueAt(config.getProperties(), form)
    if (!named || typeof path !== 'string' || pathProblem(path) !== undefined) continue
    const file = readTextFile(path)
    if (file.kind === 'text') {
      files.set(name, { form, path })
      config.set(name, withoutLastNewlines(file.text))
    } else
      problems.set(name, {
        place: placeOf(form, named.origin),
        message: `cannot read ${path}: ${file.reason}`,
      })
  }
  return { files, problems }
}

function finish({
  blink,
  clips,
  modules,
  mqtt,
  homeAssistant,
  web,
  store,
  fleet,
  ...rest
}: Values): Omit<Settings, 'proxies'> {
  const { tokensFile: _tokensFile, ...cloud } = blink
  const { passwordFile: _passwordFile, ...broker } = mqtt
  const { passwordFile: _webPasswordFile, ...page } = web
  const place = (text: string | undefined) => (text === undefined ? undefined : parseListen(text))
  const once = (entries: readonly string[]) => [...new Set(entries)]
  return {
    blink: { ...cloud, tokens: hidden(blink.tokens) },
    clips: { ...clips, directory: clips.directory ?? join(rest.dataDir, 'clips') },
    modules: { ...modules, include: once(modules.include), exclude: once(modules.exclude) },
    mqtt: { ...broker, password: hidden(mqtt.password), listen: parseListen(mqtt.listen) },
    homeAssistant: { ...homeAssistant, enabled: homeAssistant.enabled && mqtt.topics === 'all' },
    web: {
      ...page,
      password: hidden(web.password),
      listen: place(web.listen),
      ingress: place(web.ingress),
      origins: once(web.origins),
    },
    store: { url: hidden(store.url), key: hidden(store.key), schema: store.schema },
    fleet: { ...fleet, instance: fleet.instance ?? instanceOf(hostname()) },
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
  // A host's name is nobody's business where it names no instance.
  const isUnused = name === 'fleet.instance' && originOf(name) === 'default' && !settings.store.url
  const value = isUnused ? undefined : valueAt(settings, name)
  return {
    name,
    value: value instanceof Secret ? value.toString() : isListen(value) ? value.text : (value ?? null),
    origin: derived ? 'mqtt.topics is work_items' : originOf(name),
  }
}

function isListen(value: unknown): value is Listen {
  return typeof value === 'object' && value !== null && 'text' in value
}

function valueAt(settings: object, name: string): unknown {
  const step = (at: unknown, key: string): unknown =>
    typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined
  return name.split('.').reduce(step, settings)
}

/**
 * The command line's options; secrets have only the form that names a file. A boolean one may stand without a value, which
 * then is true.
 */
export const settingOptions = all
  .filter(({ sensitive }) => !sensitive)
  .map((setting) => {
    const boolean = typeof setting.default === 'boolean'
    const usual = boolean ? 'true|false' : 'path'
    const { name, doc, valueName = usual } = setting
    return { setting: name, flag: flagOf(setting), valueName, doc, boolean }
  })

/** The effective settings with their origins, secrets masked, for a person or a program. */
export function showConfig({ shown, proxy }: LoadedConfig, form: 'yaml' | 'json'): string {
  const tree = shownValues(shown)
  if (form === 'json') {
    const origins = Object.fromEntries(shown.map(({ name, origin }) => [name, origin]))
    return `${JSON.stringify({ settings: tree, origins, ...(proxy.length > 0 && { proxy }) }, undefined, 2)}\n`
  }
  const document = new Document(tree)
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
