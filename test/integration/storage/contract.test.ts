/** SQLite and files keep what storage promises. */
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { onTestFinished, vi } from 'vitest'
import { openStorage } from '../../../src/storage/open.ts'
import { readableLog, temporaryDirectory } from '../../support/samples.ts'
import type { StoragePlace } from '../../support/storage-contract/place.ts'
import { storageContract } from '../../support/storage-contract.ts'

/** A commit on a full disk, as SQLite reports it. */
const diskFull = () => Object.assign(new Error('database or disk is full'), { errcode: 13 })

function newPlace(): StoragePlace {
  const root = temporaryDirectory()
  const dataDir = join(root, 'data')
  const away = join(root, 'away')
  const original = DatabaseSync.prototype.exec
  onTestFinished(() => void vi.restoreAllMocks())
  return {
    open: (clock) => openStorage(dataDir, clock, readableLog()),
    /** Files that are opened by name are not there, and a transaction in the open database cannot be committed. */
    refuseWrites() {
      renameSync(dataDir, away)
      vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (this: DatabaseSync, sql) {
        if (sql === 'COMMIT') throw diskFull()
        return original.call(this, sql)
      })
    },
    acceptWrites() {
      renameSync(away, dataDir)
      vi.restoreAllMocks()
    },
  }
}

storageContract('SQLite and files', newPlace)
