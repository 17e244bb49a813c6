/**
 * Many links by one call, in the transaction of the request: all that is written is written together, and a row that is
 * refused writes nothing and holds nobody up. What fails otherwise (the database, a bug) fails the whole call.
 *
 * Rows are changed in the order of their ids, so that two calls never wait for each other in a circle; answers come in the
 * order of the rows.
 */
import type { Database } from '@stoa/db'
import { type Ctx, errors, type FieldError, requirePermission, StoaError } from '@stoa/kernel'
import type { Link, LinkChange, NewLink } from '../contract.ts'
import type { Links } from '../links.ts'

/** What became of one row. */
type BulkResult =
  | { readonly index: number; readonly outcome: 'done'; readonly link: Link }
  | {
      readonly index: number
      readonly outcome: 'refused'
      readonly code: string
      readonly message: string
      readonly fields: readonly FieldError[]
    }

/** What became of all. */
export interface BulkReport {
  readonly done: number
  readonly refused: number
  readonly results: readonly BulkResult[]
}

/** A change of one link among many. */
export interface BulkChange {
  readonly id: string
  /** The version that is meant. Default: any. */
  readonly version?: number
  readonly change: LinkChange
}

/** Links by the hundred. */
export class BulkLinks {
  readonly #db: Database
  readonly #links: Links

  constructor(db: Database, links: Links) {
    this.#db = db
    this.#links = links
  }

  /** Makes links; refuses single ones as {@link Links.createLink} does. */
  async create(ctx: Ctx, links: readonly NewLink[]): Promise<BulkReport> {
    requirePermission(ctx, 'links:write')
    const hashes = await this.#links.hashPasswords(links)
    return this.#each(ctx, [...links.entries()], 'links', (link) => {
      const hash = hashes.get(link)
      return this.#links.createLink(ctx, link, undefined, hash)
    })
  }

  /** Changes links; refuses single ones as {@link Links.updateLink} does. */
  async update(ctx: Ctx, changes: readonly BulkChange[]): Promise<BulkReport> {
    requirePermission(ctx, 'links:write')
    const hashes = await this.#links.hashPasswords(changes.map(({ change }) => change))
    const inOrder = [...changes.entries()].sort(([, a], [, b]) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
    return this.#each(ctx, inOrder, 'links', ({ change, id, version }) => {
      const hash = hashes.get(change)
      return this.#links.updateLink(ctx, { id, change, precondition: preconditionOf(version), ...(hash && { hash }) })
    })
  }

  #each<T>(
    ctx: Ctx,
    rows: readonly (readonly [number, T])[],
    list: string,
    verb: (row: T) => Promise<Link>,
  ): Promise<BulkReport> {
    return this.#db.transaction(ctx, async () => {
      const results: BulkResult[] = []
      for (const [index, row] of rows) {
        try {
          results.push({ index, outcome: 'done', link: await verb(row) })
        } catch (error) {
          if (!isRefusal(error)) throw error
          const { code, fields = [], message } = error
          const within = `/body/${list}/${index}`
          const inRow = fields.map((field) => ({ ...field, pointer: field.pointer.replace(/^\/body/, within) }))
          results.push({ index, outcome: 'refused', code, message, fields: inRow })
        }
      }
      results.sort((a, b) => a.index - b.index)
      const done = results.filter(({ outcome }) => outcome === 'done').length
      return { done, refused: results.length - done, results }
    })
  }
}

function preconditionOf(version: number | undefined) {
  return {
    check(present: number): void {
      if (version !== undefined && version !== present) throw new StoaError(errors.precondition_failed)
    },
  }
}

/** Whether it is about this row alone. */
function isRefusal(error: unknown): error is StoaError {
  return error instanceof StoaError && ['invalid', 'conflict', 'not_found', 'precondition_failed'].includes(error.kind)
}
