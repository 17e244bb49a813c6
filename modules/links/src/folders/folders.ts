/**
 * Folders: a link is in one of them, or in none. They are read through the cache: the event of every change names the
 * folder, and with it all lists.
 */
import type { Cache, Found } from '@stoa/cache'
import type { Database, Tx } from '@stoa/db'
import type { EventDefinition, Journal } from '@stoa/journal'
import { type Ctx, newId, requirePermission, StoaError } from '@stoa/kernel'
import type { Static } from 'typebox'
import { linkErrors } from '../errors.ts'
import { folderCreated, folderRemoved, folderUpdated } from '../events.ts'
import type * as schema from './folder-schema.ts'
import {
  addFolder,
  countFolders,
  type FolderRow,
  folderRow,
  folderRows,
  holdsLinks,
  lockedFolderRow,
  removeFolderRow,
  saveFolder,
} from './folder-store.ts'

type LinkFolder = Static<typeof schema.LinkFolder>

/** Most folders of a tenant. */
const FOLDERS_MAX = 1_000

/** A folder, and the name by which lists go on after it. */
export interface ListedFolder {
  readonly folder: LinkFolder
  readonly folded: string
}

/** What {@link Folders} stand on. */
interface FoldersDeps {
  readonly cache: Pick<Cache, 'lookup'>
  readonly db: Database
  readonly journal: Journal
}

/** How folders are kept: their events are what ends that. */
const KEPT = { ttlMs: 10 * 60_000, version: 1 }
const ANY_FOLDER = 'link_folder'

/** What is to be removed. */
interface Removal {
  readonly id: string
  /** Throws `precondition_failed` when the version is not one that the caller has seen. Default: any will do. */
  readonly precondition?: { check(version: number): void } | null
}

/** The verbs of folders. */
export class Folders {
  readonly #cache: Pick<Cache, 'lookup'>
  readonly #db: Database
  readonly #journal: Journal

  constructor({ cache, db, journal }: FoldersDeps) {
    this.#cache = cache
    this.#db = db
    this.#journal = journal
  }

  /** Makes a folder. Refuses with `link_folder_taken` or `link_folder_limit`. */
  async createFolder(ctx: Ctx, input: Static<typeof schema.NewLinkFolder>): Promise<LinkFolder> {
    requirePermission(ctx, 'links:write')
    const now = new Date(ctx.clock.now())
    const createdBy = `${ctx.actor.type}:${ctx.actor.id}`
    const row: FolderRow = {
      ...{ id: newId(ctx.clock), ...named(input.name), version: 1 },
      ...{ createdAt: now, updatedAt: now, createdBy },
    }
    return this.#db.transaction(ctx, async (tx) => {
      const count = await countFolders(tx, ctx.tenant.id)
      if (count >= FOLDERS_MAX) throw new StoaError(linkErrors.link_folder_limit)
      const added = await addFolder(tx, ctx.tenant.id, row)
      if (!added) throw taken()
      return this.#told(ctx, tx, folderCreated, row)
    })
  }

  /** The folder, read past the cache when it is to be fresh; refuses with `link_folder_not_found`. */
  async folderById(ctx: Ctx, input: { readonly id: string; readonly fresh: boolean }): Promise<Found<LinkFolder>> {
    requirePermission(ctx, 'links:read')
    // Events name folders as we write their ids.
    const name = `${ANY_FOLDER}:${input.id.toLowerCase()}`
    const kept = await this.#cache.lookup(ctx, name, { ...KEPT, tags: [name], bypass: input.fresh }, async () => {
      const row = await this.#db.read(ctx, (tx) => folderRow(tx, ctx.tenant.id, input.id))
      return row && shown(row)
    })
    if (kept.value === undefined) throw new StoaError(linkErrors.link_folder_not_found)
    return { ...kept, value: kept.value }
  }

  /** Folders by name, from after one on; read past the cache when they are to be fresh. */
  async folderList(
    ctx: Ctx,
    { after, fresh, limit }: { readonly after: string; readonly fresh: boolean; readonly limit: number },
  ): Promise<Found<ListedFolder[]>> {
    requirePermission(ctx, 'links:read')
    const key = `link folders ${JSON.stringify([after, limit])}`
    return await this.#cache.lookup(ctx, key, { ...KEPT, tags: [ANY_FOLDER], bypass: fresh }, async () => {
      const rows = await this.#db.read(ctx, (tx) => folderRows(tx, ctx.tenant.id, after, limit))
      return rows.map((row) => ({ folder: shown(row), folded: row.folded }))
    })
  }

  /** Changes a folder if it still is what the caller saw; else `precondition_failed`. Refuses as {@link createFolder}. */
  async updateFolder(
    ctx: Ctx,
    input: {
      readonly id: string
      readonly precondition: { check(version: number): void }
      readonly change: Static<typeof schema.LinkFolderChange>
    },
  ): Promise<LinkFolder> {
    requirePermission(ctx, 'links:write')
    return this.#db.transaction(ctx, async (tx) => {
      const row = found(await lockedFolderRow(tx, ctx.tenant.id, input.id))
      input.precondition.check(row.version)
      const { name = row.name } = input.change
      if (name.trim() === row.name) return shown(row)
      const next = { ...row, ...named(name), version: row.version + 1, updatedAt: new Date(ctx.clock.now()) }
      const saved = await saveFolder(tx, ctx.tenant.id, next)
      if (!saved) throw taken()
      return this.#told(ctx, tx, folderUpdated, next)
    })
  }

  /** Removes a folder without links; else `link_folder_in_use`. */
  async removeFolder(ctx: Ctx, { id, precondition }: Removal): Promise<void> {
    requirePermission(ctx, 'links:write')
    await this.#db.transaction(ctx, async (tx) => {
      const row = found(await lockedFolderRow(tx, ctx.tenant.id, id))
      precondition?.check(row.version)
      const used = await holdsLinks(tx, ctx.tenant.id, id)
      if (used) throw new StoaError(linkErrors.link_folder_in_use)
      await removeFolderRow(tx, ctx.tenant.id, id)
      this.#told(ctx, tx, folderRemoved, row)
    })
  }

  #told(ctx: Ctx, tx: Tx, event: EventDefinition, row: FolderRow): LinkFolder {
    const { id, name, version } = row
    this.#journal.append(ctx, tx, event.of({ id, name, version }, [`link_folder:${id}`]))
    return shown(row)
  }
}

function named(text: string): Pick<FolderRow, 'name' | 'folded'> {
  const name = text.trim()
  return { name, folded: name.normalize('NFKC').toLowerCase() }
}

function found(row: FolderRow | undefined): FolderRow {
  if (row === undefined) throw new StoaError(linkErrors.link_folder_not_found)
  return row
}

function taken(): StoaError {
  const { message } = linkErrors.link_folder_taken
  return new StoaError(linkErrors.link_folder_taken, { fields: [{ pointer: '/body/name', code: 'taken', message }] })
}

function shown({ createdAt, folded: _, updatedAt, ...row }: FolderRow): LinkFolder {
  return { ...row, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() }
}
