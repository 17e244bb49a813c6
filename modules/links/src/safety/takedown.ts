/** Links that were taken down because of where they led. A visit gets 410 with the reason, until somebody lifts it. */
import { OneOf } from '@stoa/http'
import { StoaError } from '@stoa/kernel'
import { type Static, Type } from 'typebox'
import { linkErrors } from '../errors.ts'

/** Why a link is reported, or taken down. */
export const REASONS = ['phishing', 'malware', 'spam', 'illegal', 'other'] as const
/** One of {@link REASONS}. */
export type Reason = (typeof REASONS)[number]

const NOTE_MAX = 500

const Note = Type.String({
  minLength: 1,
  maxLength: NOTE_MAX,
  pattern: '\\S',
  description: 'What visitors are told besides.',
  examples: ['It asked for the passwords of our members.'],
})

/** What a takedown is made from. */
export const NewTakedown = Type.Object(
  { reason: OneOf(REASONS, { description: 'Visitors are told.' }), note: Type.Optional(Note) },
  { additionalProperties: false, title: 'NewLinkTakedown' },
)

/** A takedown as the API shows it. */
export const TakedownShown = Type.Object(
  {
    reason: OneOf(REASONS),
    note: Type.Union([Note, Type.Null()]),
    at: Type.String({ format: 'date-time', description: 'RFC 3339, UTC.' }),
    by: OneOf(['tenant', 'operator'], {
      description: 'The operator of the installation takes a link down for all, and only the operator lifts that.',
    }),
  },
  { additionalProperties: false, title: 'LinkTakedown' },
)

/** A takedown as it is kept. */
export type Takedown = Static<typeof TakedownShown>

const told: Readonly<Record<Reason, string>> = {
  phishing: 'it led to a page that pretends to be another one',
  malware: 'it led to harmful software',
  spam: 'it was sent to people who did not ask for it',
  illegal: 'it led to something unlawful',
  other: 'it broke the rules of this service',
}

/** What a visitor of such a link gets. */
export function takenDown({ note, reason }: Pick<Takedown, 'note' | 'reason'>): StoaError {
  const message = `This link was taken down: ${told[reason]}.${note === null ? '' : ` ${note}`}`
  return new StoaError(linkErrors.link_taken_down, { message })
}
