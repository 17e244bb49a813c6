/** Rules and splits as callers send them, judged and made into what is kept. */
import { isIP } from 'node:net'
import { errors, type FieldError, StoaError } from '@stoa/kernel'
import { plainAddress } from '../analytics/visitor.ts'
import { linkErrors } from '../errors.ts'
import type { TargetVerdict } from '../targets/target-url.ts'
import type { Card } from './preview-card.ts'
import type { Rule, SplitTarget } from './routing.ts'

type Judge = (target: string) => TargetVerdict

/** The rules as they are kept; null for none. @throws StoaError `target_refused`, `validation_failed` */
export function acceptedRules(rules: readonly Rule[], judge: Judge): readonly Rule[] | null {
  if (rules.length === 0) return null
  return rules.map(({ name, target, when }, index) => {
    const pointer = `/body/rules/${index}`
    checkWindow(when, pointer)
    const { addresses, from, until, ...rest } = when
    return {
      ...(name !== undefined && { name }),
      when: {
        ...rest,
        ...(addresses && {
          addresses: addresses.map((range, at) => rangeOf(range, `${pointer}/when/addresses/${at}`)),
        }),
        ...(from !== undefined && { from: new Date(from).toISOString() }),
        ...(until !== undefined && { until: new Date(until).toISOString() }),
      },
      target: accepted(target, judge, `${pointer}/target`),
    }
  })
}

/** The split as it is kept; null for none. @throws StoaError `target_refused`, `validation_failed` */
export function acceptedSplit(split: readonly SplitTarget[], judge: Judge): readonly SplitTarget[] | null {
  if (split.length === 0) return null
  const seen = new Set<string>()
  return split.map(({ target, weight }, index) => {
    const pointer = `/body/split/${index}/target`
    const url = accepted(target, judge, pointer)
    if (seen.has(url)) throw invalid(pointer, 'duplicate', 'This target is in the split already.')
    seen.add(url)
    return { target: url, weight }
  })
}

/** The card as it is kept; null for none. @throws StoaError `target_refused` for its picture */
export function acceptedCard(card: Card | null | undefined, judge: Judge): Card | null {
  if (!card) return null
  const { description, image, title } = card
  return {
    title: title.trim(),
    ...(description !== undefined && { description }),
    ...(image !== undefined && { image: accepted(image, judge, '/body/card/image') }),
  }
}

function accepted(target: string, judge: Judge, pointer: string): string {
  const verdict = judge(target)
  if (verdict.ok) return verdict.url
  const fields: FieldError[] = [{ pointer, code: verdict.reason, message: verdict.message }]
  throw new StoaError(linkErrors.target_refused, { message: verdict.message, fields })
}

function checkWindow({ from, until }: Rule['when'], pointer: string): void {
  for (const [name, text] of [
    ['from', from],
    ['until', until],
  ] as const) {
    if (text === undefined || !Number.isNaN(Date.parse(text))) continue
    throw invalid(`${pointer}/when/${name}`, 'format', 'This is not a time.')
  }
  if (from === undefined || until === undefined || Date.parse(from) < Date.parse(until)) return
  throw invalid(`${pointer}/when/from`, 'order', 'The rule ends before it begins.')
}

/** An address or a range in its plain spelling. */
function rangeOf(text: string, pointer: string): string {
  const [network = '', prefix, ...more] = text.split('/')
  const plain = plainAddress(network)
  const family = network.includes('%') ? 0 : isIP(plain)
  // A range of mapped addresses is counted in bits of IPv6.
  const offset = family === 4 && isIP(network) === 6 ? 96 : 0
  const bits = prefix === undefined ? null : Number(prefix) - offset
  const sound =
    family !== 0 &&
    more.length === 0 &&
    (bits === null || (/^\d{1,3}$/.test(prefix ?? '') && bits >= 0 && bits <= (family === 4 ? 32 : 128)))
  if (!sound) throw invalid(pointer, 'format', 'An address, or a range such as 198.51.100.0/24 or 2001:db8::/32.')
  return bits === null ? plain : `${plain}/${bits}`
}

function invalid(pointer: string, code: string, message: string): StoaError {
  return new StoaError(errors.validation_failed, { message, fields: [{ pointer, code, message }] })
}
