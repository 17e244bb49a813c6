/** What would become of a visit, and why. */
import { isIP } from 'node:net'
import { errors, StoaError } from '@stoa/kernel'
import type { Static } from 'typebox'
import type { Geo } from '../analytics/geo.ts'
import { Visitor } from '../analytics/visitor.ts'
import type { LinkRow } from '../link-store.ts'
import { withQuery } from './forwarded-query.ts'
import { keptLink, statusAt } from './kept-link.ts'
import { type Choice, routingOf } from './routing.ts'
import type * as schema from './routing-schema.ts'

/** A visit that is tried out. */
export type SimulatedVisit = Static<typeof schema.SimulatedVisit>
/** What would become of it. */
export type LinkSimulation = Static<typeof schema.LinkSimulation>

/** What trying out takes. */
interface SimulationDeps {
  readonly geo: Geo
  readonly splitKey: Buffer
  /** In milliseconds since the epoch. */
  readonly now: number
}

/** Pure. Whether a maximum of visits is used up is not looked at. @throws StoaError `validation_failed` */
export function simulation(
  row: LinkRow,
  visit: SimulatedVisit,
  { geo, now, splitKey }: SimulationDeps,
): LinkSimulation {
  const visitor = visitorOf(visit, geo, now)
  const { at, query } = visitor.facts
  const { agent, country, language } = visitor
  const rules = row.rules ?? []
  const routing = routingOf(row.id, row, splitKey)
  const reports = routing.explain(visitor)
  const { acceptLanguage = '', address = '', userAgent = '' } = visit
  const shared = {
    visit: { at: new Date(at).toISOString(), userAgent, acceptLanguage, address, query: visit.query ?? '' },
    visitor: { device: agent.device, os: agent.os, browser: agent.browser, language, country },
    rules: rules.map(({ name = null }, index) => {
      const conditions = [...(reports[index] ?? [])]
      return { name, holds: conditions.every(({ holds }) => holds), conditions }
    }),
  }
  const status = statusAt(keptLink(row), at)
  if (status !== 'active') {
    const nowhere = { kind: 'none', index: null, name: null } as const
    return { status: status === 'scheduled' ? 404 : 410, target: null, by: nowhere, ...shared }
  }
  const choice = routing.choose(visitor)
  const target = row.forwardQuery ? withQuery(choice.target, parametersOf(query)) : choice.target
  return { status: row.redirectStatus, target, by: shownChoice(choice, row), ...shared }
}

function visitorOf(visit: SimulatedVisit, geo: Geo, now: number): Visitor {
  const { acceptLanguage = '', address = '', country, query = '', userAgent = '' } = visit
  if (address !== '' && isIP(address) === 0) throw invalid('/body/address', 'This is not an address.')
  const at = visit.at === undefined ? now : Date.parse(visit.at)
  if (Number.isNaN(at)) throw invalid('/body/at', 'This is not a time.')
  const facts = { at, address, userAgent, acceptLanguage, query: new URLSearchParams(query) }
  return new Visitor(() => (country === undefined ? facts : { ...facts, country }), geo)
}

function parametersOf(query: URLSearchParams): object {
  return Object.fromEntries([...new Set(query.keys())].map((name) => [name, query.getAll(name)]))
}

function shownChoice({ by }: Choice, { rules }: LinkRow): LinkSimulation['by'] {
  if (by.kind === 'target') return { kind: 'target', index: null, name: null }
  return { kind: by.kind, index: by.index, name: by.kind === 'rule' ? (rules?.[by.index]?.name ?? null) : null }
}

function invalid(pointer: string, message: string): StoaError {
  return new StoaError(errors.validation_failed, { message, fields: [{ pointer, code: 'format', message }] })
}
