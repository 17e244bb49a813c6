/*
 * Lists are read by key, not by offset: `limit` rows after a cursor, in one of the orders that the route allows. A row
 * that is added or removed meanwhile never makes another one appear twice or not at all.
 *
 * The last column of a sort key must be unique (the id), and its values must survive JSON: a timestamp is compared at
 * the precision it leaves with, so keep times that come from the process's clock (milliseconds), or sort by the id,
 * whose UUIDv7 order is time order.
 */
import { type TSchema, Type } from 'typebox'
import type { CursorBinding, Cursors, CursorValue } from './cursor.ts'
import { MAX_CURSOR_LENGTH } from './cursor.ts'

/** How a list may be ordered. */
export interface ListSpec {
  /** The orders that may be asked for: `createdAt` ascending, `-createdAt` descending. */
  readonly sorts: readonly [string, ...string[]]
  /** One of `sorts`. Default: the first. */
  readonly defaultSort?: string
}

/** The orders of a list, as a union of words. */
export type SortOf<L extends ListSpec> = L['sorts'][number]

/** A page of a list. */
export interface Page<T> {
  readonly data: T[]
  /** What to send as `cursor` for the next page; null when this is the last one. */
  readonly nextCursor: string | null
}

/** The page that was asked for. */
export interface PageRequest<Sort extends string = string> {
  /** Rows wanted, 1–100. Ask the database for one more: it tells whether there is a next page. */
  readonly limit: number
  readonly sort: Sort
  /** The sort key of the last row already seen; null for the first page. */
  readonly after: readonly CursorValue[] | null
  /**
   * Makes the page.
   *
   * @param rows up to `limit + 1` rows, in order
   * @param keyOf the sort key of a row, unique by its last value
   */
  of<T>(rows: readonly T[], keyOf: (row: T) => readonly (CursorValue | Date)[]): Page<T>
  /**
   * Makes the page of a source that knows by itself whether there is more.
   *
   * @param next what `after` will be for the next page; null when this is the last one
   */
  upTo<T>(data: T[], next: readonly (CursorValue | Date)[] | null): Page<T>
}

/** Rows of a page when the caller names no `limit`. */
const DEFAULT_LIMIT = 20
/** The most rows of a page. */
const MAX_LIMIT = 100

/** The schema of a {@link Page} of these items. When they have the title `Link`, it has the title `LinkPage`. */
export function PageOf<T extends TSchema>(item: T) {
  const { title } = item as { readonly title?: string }
  return Type.Object(
    {
      data: Type.Array(item),
      nextCursor: Type.Unsafe<string | null>({
        type: ['string', 'null'],
        description: 'Send it as `cursor` for the next page. null: this is the last one.',
        examples: [null],
      }),
    },
    title === undefined ? {} : { title: `${title}Page` },
  )
}

/** The query fields that every list has. */
export function listQuery(list: ListSpec): Record<string, TSchema> {
  return {
    limit: Type.Integer({
      minimum: 1,
      maximum: MAX_LIMIT,
      default: DEFAULT_LIMIT,
      description: 'Rows wanted.',
    }),
    cursor: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAX_CURSOR_LENGTH,
        description: '`nextCursor` of the page before, with the same filters and sort.',
      }),
    ),
    sort: Type.Unsafe<string>({
      type: 'string',
      enum: [...list.sorts],
      default: defaultSort(list),
      description: 'The order; `-` means descending.',
    }),
  }
}

function defaultSort(list: ListSpec): string {
  return list.defaultSort ?? list.sorts[0]
}

/**
 * Reads the page from a validated query.
 *
 * @throws StoaError `invalid_cursor`
 */
export function pageRequest(
  cursors: Cursors,
  operationId: string,
  tenantId: string,
  query: Readonly<Record<string, unknown>>,
): PageRequest {
  const { limit, cursor, sort, ...filters } = query as { limit: number; cursor?: string; sort: string }
  const binding: CursorBinding = { operationId, tenantId, sort, filters: canonical(filters) }
  return {
    limit,
    sort,
    after: cursor === undefined ? null : cursors.decode(binding, cursor),
    of(rows, keyOf) {
      const data = rows.slice(0, limit)
      const last = data.at(-1)
      return this.upTo(data, rows.length > limit && last !== undefined ? keyOf(last) : null)
    },
    upTo: (data, next) => ({ data, nextCursor: next && cursors.encode(binding, next) }),
  }
}

/** JSON with the keys of every object in order, so that equal values have equal texts. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
