/**
 * Where a link leads whom.
 *
 *   rules, in their order: the first one whose conditions all hold ─▶ its target
 *     └─ none ─▶ the split: one of its targets, by weight, the same for the same visitor
 *                  └─ none ─▶ the target of the link
 *
 * Rules are compiled when a link is loaded; a link without rules and split is never asked here.
 *
 * **The split keeps no cookie and stores nothing.** A visitor is a hash, by a key of the installation, of the link, the
 * network (IPv4 address, /64 of IPv6) and the user agent. Each target of the split gives that hash a number by its weight
 * (weighted rendezvous hashing: the least of −ln(u)/weight), and the least one wins. So a visitor is led to the same
 * target by every process and after every restart; when a weight changes or a target comes or goes, no more visitors are
 * led elsewhere than must be. Who comes by another network or another browser may be led elsewhere, and people behind one
 * address with the same browser are led together.
 *
 * Rejected: a cookie (asks for consent in some places, and is not there on the first visit), chance at each visit (not
 * sticky), modulo of a hash (moves nearly all visitors at a change).
 */
import { createHmac, hash } from 'node:crypto'
import { BlockList, isIPv4 } from 'node:net'
import { callerOf } from '@stoa/limiter'
import type { Static } from 'typebox'
import type { Visitor } from '../analytics/visitor.ts'
import type { LinkRow } from '../link-store.ts'
import type * as schema from './routing-schema.ts'
import { withUtm } from './utm.ts'

/** A rule as it is kept and shown. */
export type Rule = Static<typeof schema.Rule>
/** A target of the split as it is kept and shown. */
export type SplitTarget = Static<typeof schema.SplitTarget>
type Conditions = Rule['when']

/** Names of conditions, in the order in which they are looked at: what costs least first. */
const CONDITIONS = [
  'from',
  'until',
  'query',
  'addresses',
  'languages',
  'devices',
  'os',
  'browsers',
  'countries',
] as const
type ConditionName = (typeof CONDITIONS)[number]

/** What became of one condition. */
export interface ConditionReport {
  readonly condition: ConditionName
  readonly holds: boolean
  /** What the visitor showed; null for nothing. */
  readonly saw: string | null
}

interface Condition {
  readonly name: ConditionName
  readonly holds: (visitor: Visitor) => boolean
  readonly saw: (visitor: Visitor) => string | null
}

interface CompiledRule {
  readonly target: string
  readonly conditions: readonly Condition[]
}

interface CompiledShare {
  readonly target: string
  readonly weight: number
  readonly salt: number
}

/** What decided. */
type ChosenBy =
  | { readonly kind: 'rule'; readonly index: number }
  | { readonly kind: 'split'; readonly index: number }
  | { readonly kind: 'target' }

/** Where a visitor is led, and why. */
export interface Choice {
  readonly target: string
  readonly by: ChosenBy
}

/** What a link says. */
export interface RoutingSpec {
  readonly linkId: string
  readonly target: string
  readonly rules: readonly Rule[]
  readonly split: readonly SplitTarget[]
  /** Of the installation: for the visitors of splits alone. */
  readonly key: Buffer
  /** Adds to every target what all of them get. */
  readonly complete: (target: string) => string
}

/** Of a link as it is kept. @param key see {@link RoutingSpec} */
export function routingOf(
  linkId: string,
  { rules, split, target, utm }: Pick<LinkRow, 'rules' | 'split' | 'target' | 'utm'>,
  key: Buffer,
): Routing {
  const complete = (one: string) => withUtm(one, utm)
  return new Routing({ linkId, target, rules: rules ?? [], split: split ?? [], key, complete })
}

/** The rules and the split of one link, compiled. */
export class Routing {
  readonly #linkId: string
  readonly #target: string
  readonly #rules: readonly CompiledRule[]
  readonly #split: readonly CompiledShare[]
  readonly #key: Buffer

  constructor({ complete, key, linkId, rules, split, target }: RoutingSpec) {
    this.#linkId = linkId
    this.#key = key
    this.#target = complete(target)
    this.#rules = rules.map((rule) => ({ target: complete(rule.target), conditions: conditionsOf(rule.when) }))
    this.#split = split.map((share) => ({ ...share, target: complete(share.target), salt: saltOf(share.target) }))
  }

  /** Where the visitor is led. */
  choose(visitor: Visitor): Choice {
    for (const [index, { conditions, target }] of this.#rules.entries()) {
      if (conditions.every(({ holds }) => holds(visitor))) return { target, by: { kind: 'rule', index } }
    }
    if (this.#split.length === 0) return { target: this.#target, by: { kind: 'target' } }
    const index = this.#shareOf(visitor)
    return { target: this.#split[index]?.target ?? this.#target, by: { kind: 'split', index } }
  }

  /** What became of each condition of each rule. */
  explain(visitor: Visitor): readonly (readonly ConditionReport[])[] {
    return this.#rules.map(({ conditions }) =>
      conditions.map(({ holds, name, saw }) => ({ condition: name, holds: holds(visitor), saw: saw(visitor) })),
    )
  }

  #shareOf(visitor: Visitor): number {
    const digest = createHmac('sha256', this.#key)
      .update(`${this.#linkId}\n${callerOf(visitor.address)}\n${visitor.facts.userAgent}`)
      .digest()
    const [first, second] = [digest.readUInt32LE(0), digest.readUInt32LE(4)]
    let chosen = 0
    let least = Number.POSITIVE_INFINITY
    for (const [index, { salt, weight }] of this.#split.entries()) {
      const distance = -Math.log(share(first, second, salt)) / weight
      if (distance >= least) continue
      least = distance
      chosen = index
    }
    return chosen
  }
}

/** By what a target is known to visitors of the split, whatever stands before or after it. */
function saltOf(target: string): number {
  return hash('sha256', target, 'buffer').readUInt32LE(0)
}

/** Evenly between 0 and 1, both exclusive. */
function share(first: number, second: number, salt: number): number {
  let mixed = Math.imul(first ^ salt, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed ^ second, 0xc2b2ae35)
  mixed ^= mixed >>> 16
  mixed = Math.imul(mixed, 0x27d4eb2f)
  return (((mixed ^ (mixed >>> 15)) >>> 0) + 0.5) / 2 ** 32
}

function conditionsOf(when: Conditions): Condition[] {
  return CONDITIONS.flatMap((name) => conditionOf(name, when) ?? [])
}

type Makers = { readonly [N in ConditionName]: (wanted: NonNullable<Conditions[N]>) => Omit<Condition, 'name'> }

const time = ({ facts }: Visitor) => new Date(facts.at).toISOString()

const makers: Makers = {
  from: (wanted) => {
    const from = Date.parse(wanted)
    return { holds: ({ facts }) => facts.at >= from, saw: time }
  },
  until: (wanted) => {
    const until = Date.parse(wanted)
    return { holds: ({ facts }) => facts.at < until, saw: time }
  },
  query: (wanted) => ({
    holds: ({ facts: { query } }) =>
      wanted.every(({ name, values }) => {
        const given = query.getAll(name)
        return given.length > 0 && (values === undefined || given.some((value) => values.includes(value)))
      }),
    saw: ({ facts: { query } }) => seenQuery(query, wanted),
  }),
  addresses: (wanted) => {
    const ranges = rangesOf(wanted)
    return {
      holds: ({ address }) => address !== '' && ranges.check(address, isIPv4(address) ? 'ipv4' : 'ipv6'),
      saw: ({ address }) => address || null,
    }
  },
  languages: (wanted) => ({
    holds: ({ language }) => language !== null && wanted.some((range) => speaks(language, range)),
    saw: ({ language }) => language,
  }),
  devices: (wanted) => ({ holds: ({ agent }) => wanted.includes(agent.device), saw: ({ agent }) => agent.device }),
  os: (wanted) => ({ holds: ({ agent }) => wanted.includes(agent.os), saw: ({ agent }) => agent.os }),
  browsers: (wanted) => ({ holds: ({ agent }) => wanted.includes(agent.browser), saw: ({ agent }) => agent.browser }),
  countries: (wanted) => ({
    holds: ({ country }) => country !== null && wanted.includes(country),
    saw: ({ country }) => country,
  }),
}

function conditionOf<N extends ConditionName>(name: N, when: Conditions): Condition | null {
  const wanted = when[name] as NonNullable<Conditions[N]> | undefined
  return wanted === undefined ? null : { name, ...makers[name](wanted) }
}

/** `de` is spoken by who wants `de-ch` (RFC 4647, section 3.3.1). */
function speaks(language: string, range: string): boolean {
  const wanted = range.toLowerCase()
  return language === wanted || language.startsWith(`${wanted}-`)
}

function seenQuery(query: URLSearchParams, wanted: readonly { readonly name: string }[]): string | null {
  const seen = new URLSearchParams()
  for (const { name } of wanted) for (const value of query.getAll(name)) seen.append(name, value)
  return seen.size === 0 ? null : seen.toString().slice(0, 500)
}

/** @throws when one is no address and no range: they were checked before they were kept */
function rangesOf(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [network = '', prefix] = range.split('/')
    const family = isIPv4(network) ? 'ipv4' : 'ipv6'
    if (prefix === undefined) list.addAddress(network, family)
    else list.addSubnet(network, Number(prefix), family)
  }
  return list
}
