import type { EventDefinition } from '@stoa/journal'
import type { LinkRow } from './link-store.ts'
import { shownUtm } from './redirect/utm.ts'

type LinkState = ReturnType<typeof state>

/** A kind of event that has the whole link in its data, and `D` besides. */
export interface LinkEvent<D extends object> {
  of(data: LinkState & D, subjects: readonly string[]): ReturnType<EventDefinition['of']>
}

/** The event that tells what a link is now. */
export function linkEvent<D extends object>(event: LinkEvent<D>, row: LinkRow, extra: D) {
  return event.of({ ...state(row), ...extra }, [`link:${row.id}`])
}

function state(row: LinkRow) {
  return {
    id: row.id,
    host: row.host,
    domainId: row.domainId,
    code: row.code,
    target: row.target,
    folderId: row.folderId,
    notes: row.notes,
    title: row.title,
    tags: [...row.tags],
    startsAt: row.startsAt?.toISOString() ?? null,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    maxVisits: row.maxVisits,
    redirectStatus: row.redirectStatus,
    forwardQuery: row.forwardQuery,
    utm: shownUtm(row.utm),
    rules: [...(row.rules ?? [])],
    split: [...(row.split ?? [])],
    hasPassword: row.password !== null,
    card: row.card,
    archivedAt: row.archivedAt?.toISOString() ?? null,
    takedown: row.takedown,
    version: row.version,
  }
}
