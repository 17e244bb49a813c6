import { Id, Nullable, OneOf, Timestamp, TimestampInput } from '@stoa/http'
import { Type } from 'typebox'
import { locales } from '../languages/index.ts'

const closed = { additionalProperties: false }
const ROLE_NAME = '^[a-z][a-z0-9-]{1,49}$'
/** A permission, or a wildcard over the permissions of a room. Not `*`: that is the owner's alone. */
const PERMISSION = '^[a-z][a-zA-Z0-9-]*(:[a-z][a-zA-Z0-9]*)*:(\\*|[a-z][a-zA-Z0-9]*)$'

/** The name of a role. */
const RoleName = Type.String({
  pattern: ROLE_NAME,
  maxLength: 50,
  description: 'Small letters, digits and dashes.',
  examples: ['editor'],
})

/** Roles by name. */
const RoleNames = Type.Array(RoleName, {
  minItems: 1,
  maxItems: 50,
  uniqueItems: true,
  description: 'Names of roles. Nobody gives one that allows more than they may do.',
  examples: [['editor']],
})

const Permissions = Type.Array(Type.String({ pattern: PERMISSION, maxLength: 100 }), {
  maxItems: 500,
  uniqueItems: true,
  description: 'Permissions, and wildcards over those of a room: `links:read`, `links:*`.',
  examples: [['links:read', 'links:write']],
})
const Title = Type.String({ minLength: 1, maxLength: 100, description: 'For people.', examples: ['Editor'] })
const Description = Type.String({ maxLength: 500, examples: ['Keeps the links of the campaigns.'] })
const Version = Type.Integer({ minimum: 1, description: 'Grows with each change; the ETag is made of it.' })
const MaybeTime = Type.Unsafe<Date | null>({ ...Nullable(Timestamp) })
const CreatedBy = Type.String({
  description: 'Kind and id of who made it.',
  examples: ['person:019b76da-a800-7000-8000-000000000002'],
})

/** A role as the API shows it. */
export const Role = Type.Object(
  {
    name: Type.String({ examples: ['editor'] }),
    title: Title,
    description: Description,
    isBuiltIn: Type.Boolean({ description: 'Every organisation has it, and it cannot be changed.', examples: [false] }),
    permissions: Type.Array(Type.String(), { examples: [['links:read', 'links:write']] }),
    version: Version,
    createdAt: Type.Unsafe<Date | null>({ ...MaybeTime, description: 'null for a built-in role.' }),
    updatedAt: MaybeTime,
  },
  { ...closed, title: 'Role' },
)

/** All roles. There are few enough for one page. */
export const RoleList = Type.Object({ data: Type.Array(Role) }, { ...closed, title: 'RoleList' })

/** What a new role is made from. */
export const NewRole = Type.Object(
  { name: RoleName, title: Title, description: Type.Optional(Description), permissions: Permissions },
  { ...closed, title: 'NewRole' },
)

/** What may be changed of a role. What is absent stays. */
export const RoleChange = Type.Object(
  { title: Type.Optional(Title), description: Type.Optional(Description), permissions: Type.Optional(Permissions) },
  { ...closed, minProperties: 1, title: 'RoleChange' },
)

/** The path of one role. */
export const RoleParams = Type.Object({ name: Type.String({ description: 'Of a role.' }) })

/** One thing. */
const ResourceOf = Type.Object(
  {
    kind: Type.String({
      pattern: '^[a-z][a-z0-9_]*$',
      maxLength: 50,
      description: 'What kind of thing, as events name it.',
      examples: ['link'],
    }),
    id: Type.String({ minLength: 1, maxLength: 200, examples: ['019b76da-a800-7000-8000-000000000005'] }),
  },
  closed,
)
const MaybeResource = Type.Union([ResourceOf, Type.Null()], {
  description: 'The one thing that it is about; null: the whole organisation.',
})

const SubjectType = OneOf(['person', 'team', 'serviceAccount'])

/** A grant as the API shows it. */
export const Grant = Type.Object(
  {
    id: Id,
    subject: Type.Object({ type: SubjectType, id: Id }, closed),
    role: Type.String({ examples: ['editor'] }),
    resource: MaybeResource,
    expiresAt: Type.Unsafe<Date | null>({ ...MaybeTime, examples: [null] }),
    createdBy: CreatedBy,
    createdAt: Timestamp,
  },
  { ...closed, title: 'Grant' },
)

/** What a new grant is made from. */
export const NewGrant = Type.Object(
  {
    subject: Type.Object({ type: SubjectType, id: Id }, { ...closed, description: 'Who gets the role.' }),
    role: RoleName,
    resource: Type.Optional(MaybeResource),
    expiresAt: Type.Optional(Nullable({ ...TimestampInput, description: 'When it ends. Default: never.' })),
  },
  { ...closed, title: 'NewGrant' },
)

/** A filter of grants. */
export const GrantQuery = Type.Object({
  subjectId: Type.Optional({ ...Id, description: 'Of a person, a team or a service account.' }),
  resourceKind: Type.Optional(Type.String({ minLength: 1, maxLength: 50, examples: ['link'] })),
  resourceId: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'With `resourceKind`.' })),
})

/** A team as the API shows it. */
export const Team = Type.Object(
  {
    id: Id,
    name: Type.String({ examples: ['Campaigns'] }),
    description: Description,
    roles: Type.Array(Type.String(), { description: 'Everybody in it has these.', examples: [['editor']] }),
    members: Type.Integer({ minimum: 0, description: 'How many are in it.', examples: [3] }),
    version: Version,
    createdBy: CreatedBy,
    createdAt: Timestamp,
    updatedAt: Timestamp,
  },
  { ...closed, title: 'Team' },
)
const TeamName = Type.String({ minLength: 1, maxLength: 100, pattern: '\\S', examples: ['Campaigns'] })
const TeamRoles = Type.Array(RoleName, { maxItems: 50, uniqueItems: true, examples: [['editor']] })

/** What a new team is made from. */
export const NewTeam = Type.Object(
  { name: TeamName, description: Type.Optional(Description), roles: Type.Optional(TeamRoles) },
  { ...closed, title: 'NewTeam' },
)

/** What may be changed of a team. What is absent stays. */
export const TeamChange = Type.Object(
  { name: Type.Optional(TeamName), description: Type.Optional(Description), roles: Type.Optional(TeamRoles) },
  { ...closed, minProperties: 1, title: 'TeamChange' },
)

/** Somebody in a team. */
export const TeamMember = Type.Object(
  {
    id: { ...Id, description: 'Of the person.' },
    email: Type.String({ examples: ['ada@example.org'] }),
    name: Type.String({ examples: ['Ada Lovelace'] }),
  },
  { ...closed, title: 'TeamMember' },
)

/** The path of somebody in a team. */
export const TeamMemberParams = Type.Object({ id: Id, personId: Id })

/** A service account as the API shows it. */
export const ServiceAccount = Type.Object(
  {
    id: Id,
    name: Type.String({ examples: ['Nightly import'] }),
    description: Description,
    roles: Type.Array(Type.String(), { examples: [['editor']] }),
    disabledAt: Type.Unsafe<Date | null>({
      ...MaybeTime,
      description: 'Since when its keys are refused.',
      examples: [null],
    }),
    version: Version,
    createdBy: CreatedBy,
    createdAt: Timestamp,
    updatedAt: Timestamp,
  },
  { ...closed, title: 'ServiceAccount' },
)
const AccountName = Type.String({ minLength: 1, maxLength: 100, pattern: '\\S', examples: ['Nightly import'] })

/** What a new service account is made from. */
export const NewServiceAccount = Type.Object(
  { name: AccountName, description: Type.Optional(Description), roles: TeamRoles },
  { ...closed, title: 'NewServiceAccount' },
)

/** What may be changed of a service account. What is absent stays. */
export const ServiceAccountChange = Type.Object(
  {
    name: Type.Optional(AccountName),
    description: Type.Optional(Description),
    roles: Type.Optional(TeamRoles),
    disabled: Type.Optional(Type.Boolean({ description: 'Its keys are refused until it is not.', examples: [false] })),
  },
  { ...closed, minProperties: 1, title: 'ServiceAccountChange' },
)

/** What a key of a service account is made from. */
export const NewServiceAccountKey = Type.Object(
  {
    name: AccountName,
    scopes: Type.Array(Type.String({ maxLength: 100 }), {
      minItems: 1,
      maxItems: 50,
      uniqueItems: true,
      description: 'It does what these allow and its roles do. At most what the caller may do.',
      examples: [['links:read']],
    }),
    expiresAt: Type.Optional(Nullable({ ...TimestampInput, examples: ['2027-01-01T00:00:00.000Z'] })),
  },
  { ...closed, title: 'NewServiceAccountKey' },
)

/** A key with its secret. */
export const ServiceAccountKey = Type.Object(
  {
    id: { ...Id, description: 'Of the API key: `/api/v1/api-keys/{id}` shows, rotates and revokes it.' },
    name: AccountName,
    key: Type.String({
      description: 'The secret. It is not shown again.',
      examples: ['stoa_0123456789ABCDEF_0123456789ABCDEF0123456789ABCDEF'],
    }),
  },
  { ...closed, title: 'ServiceAccountKey' },
)

/** What somebody is asked about. */
export const AuthorizationQuestion = Type.Object(
  {
    permission: Type.String({ minLength: 1, maxLength: 100, examples: ['links:write'] }),
    resource: Type.Optional(ResourceOf),
    subject: Type.Optional(
      Type.Object(
        { type: OneOf(['person', 'serviceAccount']), id: Id },
        { ...closed, description: 'Who. Default: the caller. For others it takes `identity:read`.' },
      ),
    ),
  },
  { ...closed, title: 'AuthorizationQuestion' },
)

/** A decision, and why. */
export const AuthorizationDecision = Type.Object(
  {
    allowed: Type.Boolean(),
    permission: Type.String({ examples: ['links:write'] }),
    resource: MaybeResource,
    reasons: Type.Array(
      Type.Object(
        {
          via: OneOf(['membership', 'team', 'grant', 'scope'], {
            description: 'By what the role is held; `scope`: a key that belongs to nobody, by its scopes alone.',
          }),
          role: Nullable(Type.String({ examples: ['editor'] })),
          id: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'Of the team, or of the grant.' }),
          teamId: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'The team that has the grant.' }),
          resource: MaybeResource,
        },
        closed,
      ),
      { description: 'What allows it, all of it; also when a scope does not.', examples: [[]] },
    ),
    missing: Type.Array(OneOf(['member', 'role', 'scope']), {
      description:
        '`member`: no member, or suspended. `role`: no role of theirs has the permission. `scope`: the key or the token that was used does not have it.',
      examples: [['role']],
    }),
    rolesThatAllow: Type.Array(Type.String(), {
      description: 'Which roles of the organisation have the permission.',
      examples: [['member', 'admin', 'owner']],
    }),
  },
  { ...closed, title: 'AuthorizationDecision' },
)

/** What the caller may do. */
export const OwnPermissions = Type.Object(
  {
    permissions: Type.Array(Type.String(), {
      description: 'In the whole organisation: what the roles allow and the credentials do.',
      examples: [['links:*', 'identity:self']],
    }),
    roles: Type.Array(Type.String(), { examples: [['member']] }),
    grants: Type.Array(
      Type.Object(
        { resource: ResourceOf, permissions: Type.Array(Type.String(), { examples: [['links:*']] }) },
        closed,
      ),
      { description: 'What is allowed besides on single things.' },
    ),
  },
  { ...closed, title: 'OwnPermissions' },
)

/** A member as the API shows them. */
export const Member = Type.Object(
  {
    id: { ...Id, description: 'Of the person.' },
    email: Type.String({ examples: ['ada@example.org'] }),
    name: Type.String({ examples: ['Ada Lovelace'] }),
    roles: Type.Array(Type.String(), { examples: [['member']] }),
    status: OneOf(['active', 'suspended']),
    version: Version,
    createdBy: CreatedBy,
    createdAt: Timestamp,
    updatedAt: Timestamp,
  },
  { ...closed, title: 'Member' },
)

/** Whom to make a member. */
export const NewMember = Type.Object(
  {
    email: Type.String({ minLength: 3, maxLength: 254, examples: ['ada@example.org'] }),
    name: Type.String({
      minLength: 1,
      maxLength: 200,
      pattern: '\\S',
      description: 'What the organisation calls them.',
      examples: ['Ada Lovelace'],
    }),
    roles: RoleNames,
  },
  { ...closed, title: 'NewMember' },
)

/** A filter of members. */
export const MemberQuery = Type.Object({
  status: Type.Optional(OneOf(['active', 'suspended'])),
  role: Type.Optional(RoleName),
  q: Type.Optional(
    Type.String({ minLength: 1, maxLength: 100, description: 'Text in the address or the name, in any case.' }),
  ),
})

/** What may be changed of a member. */
export const MemberChange = Type.Object({ roles: RoleNames }, { ...closed, title: 'MemberChange' })

/** Who hands over. */
export const OwnershipTransfer = Type.Object(
  {
    from: Type.Optional({ ...Id, description: 'The owner who becomes an admin. Default: the person who calls.' }),
  },
  { ...closed, title: 'OwnershipTransfer' },
)

/** An invitation as the API shows it. Its link is in the mail alone. */
export const Invitation = Type.Object(
  {
    id: Id,
    email: Type.String({ examples: ['grace@example.org'] }),
    roles: Type.Array(Type.String(), { examples: [['member']] }),
    teamIds: Type.Array(Id),
    state: OneOf(['pending', 'accepted', 'revoked', 'expired']),
    expiresAt: Timestamp,
    acceptedBy: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description: 'The person who has joined.',
      examples: [null],
    }),
    createdBy: CreatedBy,
    createdAt: Timestamp,
  },
  { ...closed, title: 'Invitation' },
)

/** What a new invitation is made from. */
export const NewInvitation = Type.Object(
  {
    email: Type.String({ minLength: 3, maxLength: 254, examples: ['grace@example.org'] }),
    roles: RoleNames,
    teamIds: Type.Optional(Type.Array(Id, { maxItems: 50, uniqueItems: true, description: 'Teams to be in.' })),
    expiresInDays: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 30, description: 'For so long the link works. Default 7.', examples: [7] }),
    ),
    locale: Type.Optional(
      OneOf(locales, { description: 'The language of the mail. Default: that of whoever asks, or English.' }),
    ),
  },
  { ...closed, title: 'NewInvitation' },
)

/** A filter of invitations. */
export const InvitationQuery = Type.Object({
  state: Type.Optional(OneOf(['pending', 'accepted', 'revoked', 'expired'])),
})
