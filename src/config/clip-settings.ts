/** The settings of what follows a request ID: its manifest and the clips named there. */
import type { Tree } from './definition.ts'
import { boolean, clipName, integer, name, path, timezone } from './formats.ts'

export const clipSettings = {
  manifest: {
    follow: {
      doc: 'Whether to fetch the manifest of each request ID and publish what is on the stick.',
      format: boolean,
      default: false,
      env: 'MANIFEST_FOLLOW',
    },
    pollSeconds: {
      doc: 'How often to look whether a manifest is ready, in seconds, 2 to 60.',
      format: integer(2, 60),
      default: 3,
      env: 'MANIFEST_POLL_SECONDS',
      valueName: 'seconds',
    },
    deadlineSeconds: {
      doc: 'How long to wait for a manifest or an upload before it is given up, in seconds, 10 to 600.',
      format: integer(10, 600),
      default: 90,
      env: 'MANIFEST_DEADLINE_SECONDS',
      valueName: 'seconds',
    },
  },
  clips: {
    enabled: {
      doc: 'Whether to download new clips from the sticks; implies manifest.follow.',
      format: boolean,
      default: false,
      env: 'CLIPS_ENABLED',
    },
    directory: {
      doc: 'Where clips are saved, by one daemon at a time. Unset, it is clips in the data directory.',
      format: path,
      default: undefined,
      env: 'CLIPS_DIRECTORY',
      isPath: true,
    },
    mediaPrefix: {
      doc: 'What media_content_id begins with, so that Home Assistant can play a clip from its media folder.',
      format: name,
      default: undefined,
      env: 'CLIPS_MEDIA_PREFIX',
      valueName: 'text',
    },
    name: {
      doc:
        'The path of a clip below the directory, with {account}, {network}, {sync_module}, {camera}, {date}, ' +
        '{time} and {size}; cleaned for FAT and NTFS.',
      format: clipName,
      default: '{network}/{camera}/{date}/{time}_{camera}.mp4',
      env: 'CLIPS_NAME',
      valueName: 'template',
    },
    timezone: {
      doc: 'Of {date} and {time} in names of clips: an IANA name such as Europe/Berlin.',
      format: timezone,
      default: 'UTC',
      env: 'CLIPS_TIMEZONE',
      valueName: 'zone',
    },
    backfillDays: {
      doc: 'Clips older than this, in days, are not downloaded at first sight of a stick; 0 none, -1 all.',
      format: integer(-1, 36_500),
      default: 1,
      env: 'CLIPS_BACKFILL_DAYS',
      valueName: 'days',
    },
    maxPerRun: {
      doc: 'Clips to download of one module in one run, 1 to 1000; the rest waits for the next run.',
      format: integer(1, 1_000),
      default: 20,
      env: 'CLIPS_MAX_PER_RUN',
      valueName: 'count',
    },
    dailyBudget: {
      doc:
        'Requests an account may cost for manifests and clips in one day (UTC), apart from blink.dailyBudget; ' +
        '0 is automatic: six times the planned manifest requests, and 1000.',
      format: integer(0, 1_000_000),
      default: 0,
      env: 'CLIPS_DAILY_BUDGET',
      valueName: 'requests',
    },
    keepDays: {
      doc: 'How old a clip may become before its file is removed, in days; 0 keeps it for ever.',
      format: integer(0, 36_500),
      default: 0,
      env: 'CLIPS_KEEP_DAYS',
      valueName: 'days',
    },
    keepGigabytes: {
      doc: 'How much all clips may take, in units of 10^9 bytes; the oldest are removed first. 0 is no limit.',
      format: integer(0, 1_000_000),
      default: 0,
      env: 'CLIPS_KEEP_GIGABYTES',
      valueName: 'gigabytes',
    },
    reserveMegabytes: {
      doc: 'Free space below which downloads stop, in units of 10^6 bytes; request IDs go on.',
      format: integer(0, 1_000_000),
      default: 500,
      env: 'CLIPS_RESERVE_MEGABYTES',
      valueName: 'megabytes',
    },
  },
} as const satisfies Tree
