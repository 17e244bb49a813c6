import { constants } from 'node:fs'
import { access, readFile, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { unusableIn } from '@stoa/db'
import type { Config } from '../config/config.ts'
import { findSecret, secretFile } from '../config/secrets.ts'
import { pgliteFolder } from '../open-database.ts'
import { type Finding, findings, reasonOf } from './finding.ts'

const RUNS_ON_NODE = 24
const MIB = 1024 * 1024

/** The version of Node. */
export function nodeFindings(version: string = process.versions.node): Finding[] {
  const { fail, ok } = findings('Node')
  if (Number.parseInt(version, 10) >= RUNS_ON_NODE) return [ok(`Version ${version}.`)]
  return [fail(`Version ${version} is too old.`, `Start Stoa by npm start, or by Node ${RUNS_ON_NODE} or newer.`)]
}

/** The data folder: there, ours, closed to others, and with space left. */
export async function folderFindings({ dataDir, database }: Pick<Config, 'dataDir' | 'database'>): Promise<Finding[]> {
  const { fail, ok, warn } = findings('Data folder')
  const found = await stat(dataDir).catch((cause: NodeJS.ErrnoException) => cause)
  if (found instanceof Error && found.code !== 'ENOENT') {
    return [
      fail(
        `${dataDir} cannot be looked at: ${found.message}.`,
        'Give the user that runs Stoa access to it, or set STOA_DATA.',
      ),
    ]
  }
  if (found instanceof Error) {
    const parent = await nearestFolder(dirname(dataDir))
    if (!(await isWritable(parent))) {
      return [
        fail(
          `${dataDir} is not there, and ${parent} may not be written to.`,
          'Make it for the user that runs Stoa, or set STOA_DATA.',
        ),
      ]
    }
    return [ok(`${dataDir} is made at the first start.`), ...(await spaceFindings(parent))]
  }
  if (!found.isDirectory()) return [fail(`${dataDir} is not a folder.`, 'Set STOA_DATA to a folder.')]
  if (!(await isWritable(dataDir))) {
    return [
      fail(`${dataDir} may not be read and written.`, `Give it to the user that runs Stoa: chown -R <user> ${dataDir}`),
    ]
  }
  const unusable = database === null ? await unusableIn(pgliteFolder({ dataDir })) : null
  if (unusable?.why === 'closed') {
    return [
      fail(
        `${unusable.path} may not be read and written.`,
        `Give everything to the user that runs Stoa: chown -R <user> ${dataDir}`,
      ),
    ]
  }
  const open = process.platform !== 'win32' && (found.mode & 0o007) !== 0
  const state = open
    ? warn(`${dataDir} is open to every user of this machine.`, `chmod 700 ${dataDir}`)
    : ok(`${dataDir} can be read and written.`)
  return [state, ...(await spaceFindings(dataDir))]
}

async function isWritable(path: string): Promise<boolean> {
  return await access(path, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  )
}

async function nearestFolder(path: string): Promise<string> {
  const found = await stat(path).catch(() => null)
  return found || dirname(path) === path ? path : await nearestFolder(dirname(path))
}

async function spaceFindings(path: string): Promise<Finding[]> {
  const { fail, ok, warn } = findings('Disk')
  const { bavail, bsize } = await statfs(path)
  const freeMiB = Math.floor((bavail * bsize) / MIB)
  const text = `${freeMiB.toLocaleString('en')} MiB are free at ${path}.`
  if (freeMiB < 100) return [fail(text, 'Make room: a database that cannot write stops.')]
  if (freeMiB < 1024) return [warn(text, 'Make room before it is used up.')]
  return [ok(text)]
}

/** The secret: there, long enough, readable by its owner alone, and not in two places. */
export async function secretFindings(config: Pick<Config, 'secret' | 'dataDir'>): Promise<Finding[]> {
  const { fail, ok, warn } = findings('Secret')
  const path = secretFile(config.dataDir)
  try {
    const secret = await findSecret(config.secret, config.dataDir)
    if (secret === null) return [ok(`${path} is made at the first start.`)]
    const text = config.secret ?? (await readFile(path, 'utf8')).trim()
    const found = [ok(`It comes from ${secret.source}.`)]
    if (new Set(text).size < 10) {
      found.push(warn('It looks as if it could be guessed.', 'A new installation should use: openssl rand -base64 48'))
    }
    const inFile = config.secret === null ? null : await findSecret(null, config.dataDir)
    if (inFile && inFile.fingerprint !== secret.fingerprint) {
      found.push(
        warn(
          `${path} holds another one, which is not used.`,
          'Unset STOA_SECRET if the database was made with the file.',
        ),
      )
    }
    const mode = config.secret === null ? (await stat(path)).mode : 0
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      found.push(warn(`${path} can be read by other users.`, `chmod 600 ${path}`))
    }
    return found
  } catch (error) {
    return [fail(reasonOf(error), `Put ${join(config.dataDir, 'secret')} back from a backup, or set STOA_SECRET.`)]
  }
}
