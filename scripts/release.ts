/**
 * `release.ts check <tag> <owner/name>`: whether this tag of this repository may be released; ends with each reason why not.
 * `release.ts notes <tag>`: what CHANGELOG.md says of it.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const root = join(import.meta.dirname, '..')

/** What a release is made from. */
export interface ReleaseFiles {
  readonly manifest: string
  readonly app: string
  readonly changelog: string
}

export interface ReleaseOf {
  /** Such as `v1.2.3`. */
  readonly tag: string
  /** Such as `owner/name`, as the place that runs this says. */
  readonly repository: string
}

/** A sentence for each reason; none when all is well. */
export function refusals(
  { manifest, app, changelog }: ReleaseFiles,
  { tag, repository }: ReleaseOf,
): readonly string[] {
  const { version, repository: named } = JSON.parse(manifest) as {
    readonly version: string
    readonly repository?: { readonly url?: string } | string
  }
  const config = parse(app) as { readonly version?: string; readonly image?: string }
  const url = typeof named === 'string' ? named : named?.url
  const image = `ghcr.io/${repository.toLowerCase()}-app`
  const rules: readonly (readonly [boolean, string])[] = [
    [
      url !== undefined,
      'package.json names no repository: its owner is not decided, and nothing can be released',
    ],
    [
      url === undefined || repositoryOf(url) === repository,
      `package.json names ${url}, but this is ${repository}: a copy does not release`,
    ],
    [tag === `v${version}`, `the tag is ${tag}, but package.json has version ${version}`],
    [
      config.version === version,
      `homeassistant-app/config.yaml has version ${config.version}, not ${version}`,
    ],
    [
      url === undefined || config.image === image,
      `homeassistant-app/config.yaml names the image ${config.image ?? '(none)'}, not ${image}`,
    ],
    [notesOf(changelog, version) !== '', `CHANGELOG.md says nothing of ${version}`],
  ]
  return rules.filter(([holds]) => !holds).map(([, sentence]) => sentence)
}

/** `owner/name` of the ways in which npm lets one write it. */
function repositoryOf(url: string): string {
  return url.replace(/^(git\+)?https:\/\/github\.com\/|^github:/, '').replace(/\.git$/, '')
}

/** The section of a version without its heading. */
export function notesOf(changelog: string, version: string): string {
  const [, ...sections] = `\n${changelog}`.split(/\n## /)
  const section = sections.find((text) => text.split('\n')[0]?.trim() === version)
  return section?.split('\n').slice(1).join('\n').trim() ?? ''
}

if (import.meta.main) {
  const [verb, tag = '', repository = ''] = process.argv.slice(2)
  const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8')
  const changelog = read('CHANGELOG.md')
  if (verb === 'notes') process.stdout.write(`${notesOf(changelog, tag.replace(/^v/, ''))}\n`)
  else if (verb === 'check') {
    const files = { manifest: read('package.json'), app: read('homeassistant-app/config.yaml'), changelog }
    const reasons = refusals(files, { tag, repository })
    for (const reason of reasons) process.stderr.write(`no release: ${reason}\n`)
    process.exitCode = reasons.length > 0 ? 1 : 0
  } else throw new Error('usage: release.ts check <tag> <owner/name> | notes <tag>')
}
