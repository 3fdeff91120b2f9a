/** The clips of the simulated cloud, for a program that plays them. */
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { clipFile } from '../../../src/simulator/mp4.ts'
import { temporaryDirectory } from '../../support/samples.ts'

const missing = spawnSync('ffprobe', ['-version']).error !== undefined

test('a clip plays: ffprobe finds its picture', ({ skip }) => {
  if (missing && !process.env.CI) return skip('ffprobe is not installed')
  const path = join(temporaryDirectory(), 'clip.mp4')
  writeFileSync(path, clipFile(50 * 1024, 'a'))

  const entries = ['-show_entries', 'stream=codec_name,width,height,nb_read_frames']
  const line = execFileSync('ffprobe', ['-v', 'error', '-count_frames', ...entries, '-of', 'csv', path])

  expect(line.toString().trim()).toBe('stream,h264,160,90,10')
})
