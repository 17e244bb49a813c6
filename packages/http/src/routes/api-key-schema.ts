import { Type } from 'typebox'
import { Id, Nullable, Timestamp, TimestampInput } from '../fields.ts'
import { SCOPE_PATTERN } from '../scopes.ts'

/** The name of a key, for people. */
export const Name = Type.String({
  minLength: 1,
  maxLength: 100,
  description: 'For people: where the key is used.',
  examples: ['Shop till'],
})

/** What a key may do. */
export const Scopes = Type.Array(Type.String({ pattern: SCOPE_PATTERN, maxLength: 100 }), {
  minItems: 1,
  maxItems: 50,
  uniqueItems: true,
  description: 'Permissions, and wildcards over them: `links:read`, `links:*`, `*`. At most what the caller may do.',
  examples: [['links:read', 'links:write']],
})

/** When a key ends; null: never. */
export const ExpiresAt = Nullable({ ...TimestampInput, examples: ['2027-01-01T00:00:00.000Z'] })

/** A key as the API shows it. */
export const ApiKey = Type.Object(
  {
    id: Id,
    name: Type.String({ examples: ['Shop till'] }),
    prefix: Type.String({
      description: 'How the key begins, to tell it from others.',
      examples: ['stoa_0123456789ABCDEF'],
    }),
    scopes: Type.Array(Type.String(), { examples: [['links:read', 'links:write']] }),
    expiresAt: Type.Unsafe<Date | null>({ ...Nullable(Timestamp), examples: ['2027-01-01T00:00:00.000Z'] }),
    revokedAt: Type.Unsafe<Date | null>({ ...Nullable(Timestamp), examples: [null] }),
    lastUsedAt: Type.Unsafe<Date | null>({ ...Nullable(Timestamp), description: 'To the minute.' }),
    ownerType: Type.Unsafe<'person' | 'serviceAccount' | null>({
      type: ['string', 'null'],
      enum: ['person', 'serviceAccount', null],
      description: 'Whose key it is: it does no more than its owner may at this moment. null: nobody’s.',
      examples: ['serviceAccount'],
    }),
    ownerId: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      format: 'uuid',
      examples: ['019b76da-a800-7000-8000-000000000004'],
    }),
    createdBy: Type.String({
      description: 'Who made it: `apiKey:<id>`, `person:<id>` or `system:<reason>`.',
      examples: ['system:first start'],
    }),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    version: Type.Integer({ minimum: 1, description: 'Grows with each change; the ETag is made of it.' }),
  },
  { title: 'ApiKey' },
)

/** A key with its secret, which is shown this once. */
export const CreatedApiKey = Type.Object(
  {
    apiKey: ApiKey,
    key: Type.String({
      description: 'The secret. It is not shown again.',
      examples: ['stoa_0123456789ABCDEF_0123456789ABCDEF0123456789ABCDEF'],
    }),
  },
  { title: 'CreatedApiKey' },
)

/** A time of a request. */
export function dateOf(text: string | null): Date | null
export function dateOf(text: string | null | undefined): Date | null | undefined
export function dateOf(text: string | null | undefined): Date | null | undefined {
  return typeof text === 'string' ? new Date(text) : text
}
