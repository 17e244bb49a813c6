import { Type } from 'typebox'
import { GROUP, USER } from './resources.ts'

const open = { additionalProperties: true }
const ID = '019b76da-a800-7000-8000-000000000001'
const USER_EXAMPLE = {
  schemas: [USER],
  userName: 'ada@example.org',
  externalId: '00u1a2b3',
  name: { givenName: 'Ada', familyName: 'Lovelace' },
  emails: [{ value: 'ada@example.org', type: 'work', primary: true }],
  active: true,
}
const GROUP_EXAMPLE = {
  schemas: [GROUP],
  displayName: 'Campaigns',
  members: [{ value: ID }],
}

/* What comes in is read by the attributes that it has (`resources.ts`), because directories say more than is kept. */

/** A user as a directory says it. */
export const WantedUserBody = Type.Object({}, { ...open, title: 'ScimWantedUser', examples: [USER_EXAMPLE] })
/** A group as a directory says it. */
export const WantedGroupBody = Type.Object({}, { ...open, title: 'ScimWantedGroup', examples: [GROUP_EXAMPLE] })
/** Changes: RFC 7644, 3.5.2. */
export const ScimPatch = Type.Object(
  {},
  {
    ...open,
    title: 'ScimPatch',
    examples: [
      {
        schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
        Operations: [{ op: 'replace', path: 'active', value: false }],
      },
    ],
  },
)

const described = { schemas: Type.Array(Type.String()) }
const meta = Type.Optional(
  Type.Object(
    {
      resourceType: Type.String(),
      created: Type.String(),
      lastModified: Type.String(),
      location: Type.String(),
      version: Type.Optional(Type.String({ description: 'The entity tag, when all is shown that it is made of.' })),
    },
    open,
  ),
)

/** A user: attributes of RFC 7643, 4.1. */
export const ScimUser = Type.Object(
  { ...described, id: Type.String(), userName: Type.Optional(Type.String()), meta },
  { ...open, title: 'ScimUser', examples: [{ ...USER_EXAMPLE, id: ID }] },
)
/** A group: attributes of RFC 7643, 4.2. */
export const ScimGroup = Type.Object(
  { ...described, id: Type.String(), displayName: Type.Optional(Type.String()), meta },
  { ...open, title: 'ScimGroup', examples: [{ ...GROUP_EXAMPLE, id: ID }] },
)
/** A list, or what describes the service. */
export const ScimAnswer = Type.Object(described, {
  ...{ ...open, title: 'ScimAnswer' },
  examples: [{ schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'], totalResults: 0, Resources: [] }],
})

const number = (description: string) => Type.Optional(Type.String({ maxLength: 7, pattern: '^-?[0-9]+$', description }))
const names = (description: string) => Type.Optional(Type.String({ maxLength: 500, description }))

/** How one resource is to be shown: RFC 7644, 3.9. */
export const ScimShownQuery = Type.Object({
  attributes: names('These alone, besides what is always shown: `userName,name.familyName`.'),
  excludedAttributes: names('All but these: `members`.'),
})

/** Which resources: RFC 7644, 3.4.2. */
export const ScimListQuery = Type.Object({
  ...ScimShownQuery.properties,
  filter: Type.Optional(
    Type.String({ minLength: 1, maxLength: 1_000, description: 'RFC 7644, 3.4.2.2: `userName eq "ada"`.' }),
  ),
  startIndex: number('From 1. What is less counts as 1.'),
  count: number('Up to 200, which is what more counts as; default 100.'),
  sortBy: names('Nothing is sorted: this is passed over.'),
  sortOrder: Type.Optional(Type.String({ maxLength: 20, description: 'As `sortBy`.' })),
})

interface Shown {
  readonly attributes?: string
  readonly excludedAttributes?: string
}

/** What was asked for, within the bounds (RFC 7644, 3.4.2.4). */
export function scimQuery(
  query: Shown & { readonly filter?: string; readonly startIndex?: string; readonly count?: string },
) {
  const { count = '100', filter, startIndex = '1' } = query
  return {
    filter,
    startIndex: Math.max(1, Number(startIndex)),
    count: Math.min(200, Math.max(0, Number(count))),
    withMembers: isShown('members', query),
  }
}

const ALWAYS = ['schemas', 'id', 'meta']

function namesIn(list: string): string[] {
  return list.split(',').flatMap((name) => {
    const whole = name.trim().toLowerCase()
    // `urn:…:User:name.familyName` → `name`
    const [first = ''] = whole.slice(whole.lastIndexOf(':') + 1).split('.')
    return first === '' ? [] : [first]
  })
}

function isShown(name: string, { attributes, excludedAttributes }: Shown): boolean {
  if (attributes !== undefined) return namesIn(attributes).includes(name)
  return excludedAttributes === undefined || !namesIn(excludedAttributes).includes(name)
}

/** A resource, or a list of them, as it was asked for. Of an attribute with parts all are shown. */
export function shownAs<T extends object>(resource: T, query: Shown): T {
  if (query.attributes === undefined && query.excludedAttributes === undefined) return resource
  if ('Resources' in resource) {
    return { ...resource, Resources: (resource.Resources as object[]).map((one) => shownAs(one, query)) }
  }
  const kept = Object.entries(resource).filter(([name]) => ALWAYS.includes(name) || isShown(name.toLowerCase(), query))
  return Object.fromEntries(kept) as T
}
