/** The clips by day and camera, and each with its player, or with why it is not there. */
import { join } from 'node:path'
import { html } from 'hono/html'
import type { Settings } from '../../config/settings.ts'
import type { LedgerClip } from '../../domain/clip.ts'
import type { ModuleKey } from '../../domain/model.ts'
import type { StatusReader, Storage } from '../../domain/ports.ts'
import { openClip, sendClip } from '../clip-file.ts'
import type { WebApp, WebContext } from '../context.ts'
import { facts, type Html, rootOf, show, shown, table, time } from '../layout.ts'
import { clipWord } from './module.ts'
import { modulePath } from './module-commands.ts'
import { words } from './module-parts.ts'
import { pageLinks, pageOf } from './paging.ts'

interface ClipsNeeds {
  readonly settings: Pick<Settings, 'clips' | 'dataDir' | 'manifest'>
  readonly status: Pick<StatusReader, 'moduleKeys' | 'module'>
  readonly storage: Pick<Storage, 'clips'>
}

type FoundClip = LedgerClip & { readonly module: ModuleKey }

const perPage = 50
/** Of a person's home, and no fleet's. */
const mostModules = 200

export function clipsPages(app: WebApp, { settings, status, storage }: ClipsNeeds): void {
  const { enabled, timezone, directory = join(settings.dataDir, 'clips') } = settings.clips
  const follows = enabled || settings.manifest.follow
  const dayOf = dayIn(timezone)

  app.get('/clips', async (c) => {
    if (!follows) return notFollowed(c)
    const keys = await status.moduleKeys()
    const all = (
      await Promise.all(
        keys
          .slice(0, mostModules)
          .map(async (module) =>
            (await storage.clips.clipsOf(module)).map((clip): FoundClip => ({ ...clip, module })),
          ),
      )
    )
      .flat()
      .toSorted((a, b) => b.createdAt - a.createdAt || b.row - a.row)
    const [day, camera] = [c.req.query('day') ?? '', c.req.query('camera') ?? '']
    const found = all.filter(
      (clip) =>
        (day === '' || dayOf(clip.createdAt) === day) && (camera === '' || clip.cameraName === camera),
    )
    const paging = pageOf(c, found.length, perPage)
    const listed = found.slice(paging.from, paging.to)
    const heads = ['Recorded', 'Camera', 'State', 'Size']
    const rows = listed.map((clip) => [
      html`<a href="${rootOf(c)}clips/${clip.row}">${time(clip.createdAt)}</a>`,
      cameraOf(clip),
      stateOf(clip),
      sizeOf(clip),
    ])
    const body = html`${filters(c, { all, day, camera, dayOf })}
<p class="lead" id="now" data-part aria-live="polite">${found.length} ${found.length === 1 ? 'clip' : 'clips'}.</p>
<div id="clips" data-part>${rows.length > 0 ? table({ caption: `Clips, the newest first; days are those of ${timezone}`, heads, rows }) : ''}</div>
${pageLinks(c, 'clips', paging, { day, camera })}`
    return show(c, { title: 'Clips', place: 'clips', body, live: ['clips'] })
  })

  app.get('/clips/:row{\\d{1,15}}', async (c) => {
    const clip = await storage.clips.clip(Number(c.req.param('row')))
    const snapshot = clip && (await status.module(clip.module))
    if (!clip || !snapshot) return noClip(c)
    const root = rootOf(c)
    const file = `${root}clips/${clip.row}/file`
    const player =
      clip.state === 'saved'
        ? html`<video controls preload="metadata" src="${file}" data-keep>Your browser shows no videos; download it.</video>
<p><a class="button" href="${file}?download">Download</a></p>`
        : html`<p class="lead">${whyNot(clip)}</p>`
    const about = facts([
      ['Recorded', time(clip.createdAt)],
      ['Camera', cameraOf(clip)],
      [
        'Sync module',
        html`<a href="${root}${modulePath(clip.module)}">${shown(snapshot.record.module.name)}</a>`,
      ],
      ['State', stateOf(clip)],
      ['Size', sizeOf(clip)],
      ...('file' in clip
        ? [
            ['File', html`<code>${shown(clip.file.path)}</code>`] as const,
            ['Downloaded', time(clip.file.downloadedAt)] as const,
          ]
        : []),
    ])
    const body = html`${player}<div id="clip" data-part>${about}</div><p><a href="${root}clips">All clips</a></p>`
    const title = `Clip of ${cameraOf(clip)}`
    return show(c, { title, place: 'clips', body, live: ['clips'] })
  })

  app.get('/clips/:row{\\d{1,15}}/file', async (c) => {
    const clip = await storage.clips.clip(Number(c.req.param('row')))
    if (clip?.state !== 'saved' || !(await status.module(clip.module)))
      return c.text('There is no such clip.\n', 404)
    const opened = await openClip(directory, clip.file)
    if (!opened) return c.text('The file is not in the directory of clips.\n', 404)
    return sendClip(c, opened, clip.file.path.split('/').at(-1) ?? 'clip.mp4')
  })
}

function notFollowed(c: WebContext): Promise<Response> {
  const body = html`<p>Clips are not looked at. Set <code>clips.enabled</code> to download new ones from the sticks, or <code>manifest.follow</code> to list them.</p>`
  return show(c, { title: 'Clips', place: 'clips', body })
}

function noClip(c: WebContext): Promise<Response> {
  const body = html`<p>There is no such clip. <a href="${rootOf(c)}clips">To the clips</a></p>`
  return show(c, { title: 'Not found', place: 'clips', body, status: 404 })
}

interface Filters {
  readonly all: readonly FoundClip[]
  readonly day: string
  readonly camera: string
  readonly dayOf: (at: number) => string
}

function filters(c: WebContext, { all, day, camera, dayOf }: Filters): Html {
  const days = [...new Set(all.map(({ createdAt }) => dayOf(createdAt)))]
  const cameras = [...new Set(all.map(({ cameraName }) => cameraName))].toSorted((a, b) =>
    a.localeCompare(b, 'en'),
  )
  const option = (value: string, text: string, chosen: string) =>
    html`<option value="${value}"${value === chosen ? html` selected` : ''}>${text}</option>`
  return html`<form class="row" method="get" action="${rootOf(c)}clips">
<div class="field"><label for="day">Day</label><select id="day" name="day">${option('', 'all', day)}${days.map((one) => option(one, one, day))}</select></div>
<div class="field"><label for="camera">Camera</label><select id="camera" name="camera">${option('', 'all', camera)}${cameras.map((one) => option(one, shown(one) || 'no name', camera))}</select></div>
<button class="quiet">Show</button></form>`
}

function cameraOf({ cameraName }: Pick<FoundClip, 'cameraName'>): string {
  return shown(cameraName) || 'a camera without a name'
}

function stateOf(clip: FoundClip): Html {
  return clip.state === 'failed'
    ? html`failed: ${shown(words(clip.reason))}; tried again at ${time(clip.retryAt)}`
    : html`${clipWord(clip)}`
}

function whyNot(clip: FoundClip): Html {
  if (clip.state === 'failed') {
    return html`The download failed: ${shown(words(clip.reason))}. It is tried again at ${time(clip.retryAt)}.`
  }
  if (clip.state === 'removed')
    return html`The file was removed by retention (clips.keepDays, clips.keepGigabytes).`
  if (clip.state === 'listed')
    return html`The clip is older than clips.backfillDays, so it was listed and not downloaded.`
  return html`The file is about to get its name.`
}

function sizeOf(clip: FoundClip): string {
  if ('file' in clip) return `${(clip.file.bytes / 1e6).toFixed(1)} MB`
  return clip.listedSize === undefined ? 'not known' : `about ${(clip.listedSize / 1024).toFixed(1)} MiB`
}

/** The day of a moment in a time zone, as `2026-11-28`. */
function dayIn(timezone: string): (at: number) => string {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  })
  return (at) => format.format(at)
}
