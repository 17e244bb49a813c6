import { statement } from '@stoa/db'

/* Each gives what is kept about one person in one place, without secrets. Run them as the system role. */

type Row = Readonly<Record<string, unknown>>
const of = (text: string) => statement<[personId: string], Row>(text)

/** What is kept of a person, by what it is. */
export const PERSONAL_DATA = {
  password: of('select set_at from stoa.passwords where person_id = $1'),
  sessions: of(`select id, name, device, address_prefix, amr, acr, auth_time, ends_at, seen_at, created_at
    from stoa.sessions where person_id = $1 order by created_at`),
  knownDevices: of('select seen_at, created_at from stoa.known_devices where person_id = $1 order by created_at'),
  authenticatorApp: of('select created_at from stoa.totp_secrets where person_id = $1'),
  recoveryCodes: of('select count(*) as left from stoa.recovery_codes where person_id = $1 having count(*) > 0'),
  passkeys: of(`select id, name, transports, backed_up, used_at, created_at
    from stoa.passkeys where person_id = $1 order by created_at`),
  linkedAccounts: of(`select t.slug as organisation, p.name as provider, l.label, l.used_at, l.created_at
    from stoa.linked_accounts l join stoa.tenants t on t.id = l.tenant_id
    join stoa.identity_providers p on p.tenant_id = l.tenant_id and p.id = l.provider_id
    where l.person_id = $1 order by t.slug, l.created_at`),
  memberships:
    of(`select t.slug as organisation, m.role_names as roles, m.status, m.display_name, m.given_name, m.family_name,
      m.user_name, m.external_id, m.created_at, m.updated_at
    from stoa.memberships m join stoa.tenants t on t.id = m.tenant_id where m.person_id = $1 order by t.slug`),
  teams: of(`select t.slug as organisation, e.name as team, m.created_at
    from stoa.team_members m join stoa.teams e on e.tenant_id = m.tenant_id and e.id = m.team_id
    join stoa.tenants t on t.id = m.tenant_id where m.person_id = $1 order by t.slug, e.name`),
  grants:
    of(`select t.slug as organisation, g.role_name as role, g.resource_kind, g.resource_id, g.expires_at, g.created_at
    from stoa.grants g join stoa.tenants t on t.id = g.tenant_id
    where g.subject_type = 'person' and g.subject_id = $1 order by t.slug, g.created_at`),
  apiKeys: of(`select t.slug as organisation, k.name, k.expires_at, k.revoked_at, k.last_used_at, k.created_at
    from stoa.api_keys k join stoa.tenants t on t.id = k.tenant_id
    where (k.owner_type = 'person' and k.owner_id = $1) or k.created_by = 'person:' || $1::text
    order by t.slug, k.created_at`),
  serviceAccounts: of(`select t.slug as organisation, a.name, a.created_at
    from stoa.service_accounts a join stoa.tenants t on t.id = a.tenant_id
    where a.created_by = 'person:' || $1::text order by t.slug, a.created_at`),
  invitations:
    of(`select t.slug as organisation, i.role_names as roles, i.expires_at, i.accepted_at, i.revoked_at, i.created_at
    from stoa.invitations i join stoa.tenants t on t.id = i.tenant_id
    where i.email = (select email from stoa.people where id = $1) or i.accepted_by = $1 order by i.created_at`),
  applications:
    of(`select t.slug as organisation, c.name as application, r.payload->'openid'->>'scope' as scope, r.expires_at
    from stoa.oidc_records r join stoa.tenants t on t.id = r.tenant_id
    left join stoa.oauth_clients c on c.tenant_id = r.tenant_id and c.id::text = r.payload->>'clientId'
    where r.model = 'Grant' and r.account_id = $1 order by t.slug, r.expires_at`),
} as const

/** Forgets to whom invitations went. */
export const invitationsForgotten = statement<[email: string], never>('delete from stoa.invitations where email = $1')

/** Removes a person, and by the keys of the tables all that is theirs alone. */
export const personRemoved = statement<[id: string], never>('delete from stoa.people where id = $1')
