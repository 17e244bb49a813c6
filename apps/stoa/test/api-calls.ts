/*
 * How each operation is called with success. The checks over all operations (who may call them, who is kept out, what
 * they answer) are made from the OpenAPI document, and this is what they need beyond it: an operation without a line
 * here fails them.
 */
import { randomUUID } from 'node:crypto'
import type { ApiCall, ApiCalls, TestClient } from '@stoa/testkit'
import { SHORT_HOST, snsServer, zone } from './suite.ts'

interface Link {
  readonly id: string
  readonly code: string
}

/** A link that is like no other. */
async function newLink(client: TestClient): Promise<Link> {
  return (await client.created<Link>('/api/v1/links', linkBody())).body
}

function linkBody() {
  const id = randomUUID()
  return { target: `https://example.com/${id}`, title: `Title ${id}`, tags: [`tag ${id}`] }
}

interface Domain {
  readonly id: string
  readonly proof: { readonly name: string; readonly value: string }
}

/** A host that can be proven. */
async function newDomain(client: TestClient): Promise<{ readonly params: { readonly id: string } }> {
  const { body } = await client.created<Domain>('/api/v1/link-domains', domainBody())
  zone.set(body.proof.name, body.proof.value)
  return { params: { id: body.id } }
}

function domainBody() {
  return { host: `${randomUUID()}.example.com` }
}

const folderBody = () => ({ name: `Folder ${randomUUID()}` })

async function newFolder(client: TestClient): Promise<{ readonly params: { readonly id: string } }> {
  const { body } = await client.created<{ readonly id: string }>('/api/v1/link-folders', folderBody())
  return { params: { id: body.id } }
}

const takedownBody = () => ({ reason: 'spam', note: `Note ${randomUUID()}` })
const blockedHostBody = () => ({ host: `${randomUUID()}.example.com`, note: `Note ${randomUUID()}` })

async function newBlockedHost(client: TestClient): Promise<{ readonly params: { readonly id: string } }> {
  const { body } = await client.created<{ readonly id: string }>('/api/v1/link-blocked-hosts', blockedHostBody())
  return { params: { id: body.id } }
}

/** A report of a link that is like no other, as anybody sends it. */
async function newReport(client: TestClient): Promise<{ readonly params: { readonly id: string } }> {
  const { code, id: linkId } = await newLink(client)
  await client.send('POST', '/l/report', {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ link: code, reason: 'spam' }).toString(),
  })
  const { body } = await client.got<{ readonly data: readonly { readonly id: string; readonly linkId: string }[] }>(
    `/api/v1/link-reports?linkId=${linkId}`,
  )
  const [report] = body.data
  if (report === undefined) throw new Error('the report was not taken in')
  return { params: { id: report.id } }
}

async function newKey(client: TestClient): Promise<string> {
  const { body } = await client.created<{ readonly apiKey: { readonly id: string } }>('/api/v1/api-keys', keyBody())
  return body.apiKey.id
}

function keyBody() {
  return { name: `Key ${randomUUID()}`, scopes: ['links:read'] }
}

function clientBody() {
  const id = randomUUID()
  return { name: `Application ${id}`, redirectUris: [`https://${id}.example.com/callback`] }
}

async function newOAuthClient(client: TestClient): Promise<string> {
  const { body } = await client.created<{ readonly client: { readonly id: string } }>(
    '/api/v1/oauth-clients',
    clientBody(),
  )
  return body.client.id
}

function taskBody() {
  return { kind: 'links.import', input: { links: [linkBody()] } }
}

/** A task that waits for a time. Nobody runs it, nor any other: the program under test does not work. */
async function newTask(client: TestClient): Promise<{ readonly params: { readonly id: string } }> {
  const body = { ...taskBody(), runAt: new Date(Date.now() + 3_600_000).toISOString() }
  const { id } = (await client.send<{ readonly id: string }>('POST', '/api/v1/tasks', { body })).body
  return { params: { id } }
}

/** A message that waits: nobody runs its task. Its id is that of the task. */
async function newMail(client: TestClient): Promise<{ readonly params: { readonly id: string } }> {
  const input = { to: [`${randomUUID()}@example.org`], subject: `Subject ${randomUUID()}`, text: 'Hello' }
  const { id } = (
    await client.send<{ readonly id: string }>('POST', '/api/v1/tasks', { body: { kind: 'mail.send', input } })
  ).body
  return { params: { id } }
}

function suppressionBody() {
  return { address: `${randomUUID()}@example.org`, note: `Note ${randomUUID()}` }
}

async function newSuppression(client: TestClient): Promise<{ readonly body: { readonly address: string } }> {
  const { body } = await client.created<{ readonly address: string }>('/api/v1/mail/suppressions', suppressionBody())
  return { body: { address: body.address } }
}

function senderBody() {
  return { from: { address: `post@${randomUUID()}.example.org`, name: `Name ${randomUUID()}` } }
}

/** The tenant has a sender, of version 1. Whoever makes another one at this moment is as good. */
async function newSender(client: TestClient): Promise<ApiCall> {
  await client.send('DELETE', '/api/v1/mail/sender')
  await client.send('PUT', '/api/v1/mail/sender', { headers: { 'if-match': '"0"' }, body: senderBody() })
  return {}
}

function kindBody() {
  return { kind: `outside.k${randomUUID().replaceAll('-', '')}`, inputSchema: {} }
}

/** A kind of task that nobody else has. */
async function newKind(client: TestClient): Promise<string> {
  const body = kindBody()
  const { status } = await client.send('POST', '/api/v1/task-kinds', { body })
  if (status !== 200) throw new Error(`the kind was not declared: ${status}`)
  return body.kind
}

/** A task that was claimed from outside. Somebody else, who claims tasks of whatever kinds, may be faster. */
async function claimedTask(client: TestClient) {
  const kind = 'outside.claimed'
  await client.send('POST', '/api/v1/task-kinds', { body: { kind, inputSchema: {} } })
  for (;;) {
    await client.send('POST', '/api/v1/tasks', { body: { kind, input: randomUUID() } })
    const claim = { body: { kinds: [kind] } }
    const { body } = await client.send<{ readonly data: readonly ClaimedTask[] }>('POST', '/api/v1/task-claims', claim)
    const [task] = body.data
    if (task) return { params: { id: task.id }, body: { attempt: task.attempt } }
  }
}

interface ClaimedTask {
  readonly id: string
  readonly attempt: number
}

async function idOf(client: TestClient, path: string, body: object): Promise<string> {
  return (await client.created<{ readonly id: string }>(path, body)).body.id
}

const roleBody = () => ({ name: `r${randomUUID()}`, title: `Title ${randomUUID()}`, permissions: ['links:read'] })
const memberBody = (roles = ['member']) => ({
  email: `${randomUUID()}@example.org`,
  name: `Name ${randomUUID()}`,
  roles,
})
const invitationBody = () => ({ email: `${randomUUID()}@example.org`, roles: ['viewer'] })
const teamBody = () => ({ name: `Team ${randomUUID()}`, roles: ['viewer'] })
const accountBody = () => ({ name: `Account ${randomUUID()}`, roles: ['viewer'] })
const newRole = async (client: TestClient) => {
  const body = roleBody()
  await client.created('/api/v1/roles', body)
  return { params: { name: body.name } }
}
const ofMember = async (client: TestClient, roles?: string[]) => ({
  params: { id: await idOf(client, '/api/v1/members', memberBody(roles)) },
})
const ofInvitation = async (client: TestClient) => ({
  params: { id: await idOf(client, '/api/v1/invitations', invitationBody()) },
})
const ofTeam = async (client: TestClient) => ({ params: { id: await idOf(client, '/api/v1/teams', teamBody()) } })
const ofTeamMember = async (client: TestClient) => {
  const { id } = (await ofTeam(client)).params
  const personId = (await ofMember(client)).params.id
  await client.send('PUT', `/api/v1/teams/${id}/members/${personId}`)
  return { params: { id, personId } }
}
const ofAccount = async (client: TestClient) => ({
  params: { id: await idOf(client, '/api/v1/service-accounts', accountBody()) },
})
const scimUser = () => ({ userName: `${randomUUID()}@example.org`, displayName: `Name ${randomUUID()}` })
const scimGroup = () => ({ displayName: `Group ${randomUUID()}` })
const ofScim = async (client: TestClient, path: string, body: object) => ({
  params: { id: await idOf(client, `/scim/v2/${path}`, body) },
})
const ofScimUser = (client: TestClient) => ofScim(client, 'Users', scimUser())
const ofScimGroup = (client: TestClient) => ofScim(client, 'Groups', scimGroup())
const scimPatch = () => ({ Operations: [{ op: 'replace', path: 'externalId', value: randomUUID() }] })
const grantBody = async (client: TestClient) => ({
  subject: { type: 'person', id: (await ofMember(client)).params.id },
  role: 'member',
  resource: { kind: 'link', id: randomUUID() },
  expiresAt: '2099-01-02T03:04:05Z',
})
const ofGrant = async (client: TestClient) => ({
  params: { id: await idOf(client, '/api/v1/grants', await grantBody(client)) },
})

const ofKind = async (client: TestClient) => ({ params: { kind: await newKind(client) } })
const ofLink = async (client: TestClient) => ({ params: { id: (await newLink(client)).id } })
const ofKey = async (client: TestClient) => ({ params: { id: await newKey(client) } })
const firstVersion = { headers: { 'if-match': '"1"' } }

function settingsBody() {
  return { registration: 'open', displayName: `Name ${randomUUID()}`, color: '#0b5fff', logoUrl: null }
}

/** The tenant has settings, of version 1. Whoever makes others at this moment is as good. */
async function newSettings(client: TestClient): Promise<ApiCall> {
  const path = '/api/v1/identity/sign-in-settings'
  await client.send('DELETE', path)
  await client.send('PUT', path, { headers: { 'if-match': '"0"' }, body: settingsBody() })
  return {}
}

const providerBody = () => ({
  ...{ kind: 'openid', name: `Provider ${randomUUID()}`, issuer: 'https://id.example.org' },
  ...{ clientId: 'stoa', clientSecret: randomUUID() },
})

/** A provider. A tenant has at most some, so those of before make room; others may take it meanwhile. */
async function newProvider(client: TestClient) {
  const path = '/api/v1/identity-providers'
  for (let tries = 1; ; tries++) {
    const { body } = await client.got<{ readonly items: readonly { readonly id: string }[] }>(path)
    for (const { id } of body.items.slice(0, -10)) {
      const { status } = await client.send('DELETE', `${path}/${id}`)
      if (status !== 204 && status !== 404) throw new Error(`a provider makes no room: ${status}`)
    }
    const made = await client.send<{ readonly id: string }>('POST', path, { body: providerBody() })
    if (made.status === 201) return { params: { id: made.body.id } }
    if (made.status !== 409 || tries === 10) throw new Error(`no provider: ${JSON.stringify(made.body)}`)
  }
}

/** A host for the issuer that can be proven. A tenant has at most some, so those of before make room. */
async function newIssuerHost(client: TestClient) {
  const path = '/api/v1/issuer-hosts'
  const { body: before } = await client.got<{ readonly items: readonly { readonly id: string }[] }>(path)
  for (const { id } of before.items.slice(0, -10)) {
    await client.send('DELETE', `${path}/${id}/activation`)
    await client.send('DELETE', `${path}/${id}`)
  }
  const { body } = await client.created<Domain>(path, domainBody())
  zone.set(body.proof.name, body.proof.value)
  return { params: { id: body.id } }
}

async function provenIssuerHost(client: TestClient) {
  const host = await newIssuerHost(client)
  await client.send('POST', `/api/v1/issuer-hosts/${host.params.id}/verification`)
  return host
}

/**
 * Operations that succeed for people alone, and not for programs as everybody is in the checks over all operations: they
 * are tried in me.test.ts, and in identity: what needs a sign-in in sessions.test.ts, a fresh one in personal-data.test.ts, and applications in
 * departures.test.ts.
 */
export const PEOPLE_ONLY: ReadonlySet<string> = new Set([
  ...['nameMySession', 'endMySession', 'leaveOrganisation', 'exportMyData', 'eraseMyself'],
  ...['listMyApplications', 'withdrawMyApplication'],
])

/** The document without the operations for people alone. */
export function forPrograms(document: object): object {
  const { paths } = document as { readonly paths: Record<string, Record<string, { readonly operationId: string }>> }
  const left = Object.entries(paths).map(([path, methods]) => {
    const kept = Object.entries(methods).filter(([, { operationId }]) => !PEOPLE_ONLY.has(operationId))
    return [path, Object.fromEntries(kept)] as const
  })
  return { ...document, paths: Object.fromEntries(left) }
}

export const apiCalls: ApiCalls = {
  createIdentityProvider: async (client) => {
    await newProvider(client)
    return { body: providerBody() }
  },
  listIdentityProviders: newProvider,
  getIdentityProvider: newProvider,
  updateIdentityProvider: async (client) => ({
    ...(await newProvider(client)),
    ...firstVersion,
    body: { clientSecret: randomUUID() },
  }),
  removeIdentityProvider: newProvider,
  createIssuerHost: async (client) => {
    await newIssuerHost(client)
    return { body: domainBody() }
  },
  listIssuerHosts: newIssuerHost,
  getIssuerHost: newIssuerHost,
  verifyIssuerHost: newIssuerHost,
  activateIssuerHost: provenIssuerHost,
  deactivateIssuerHost: provenIssuerHost,
  removeIssuerHost: newIssuerHost,
  getMe: () => ({}),
  listMySessions: () => ({}),
  endMySessions: () => ({}),
  listMyOrganisations: () => ({}),
  getSignInSettings: newSettings,
  updateSignInSettings: async (client) => ({ ...(await newSettings(client)), ...firstVersion, body: settingsBody() }),
  removeSignInSettings: newSettings,
  createRole: () => ({ body: roleBody() }),
  listRoles: async (client) => {
    await newRole(client)
    return {}
  },
  getRole: newRole,
  updateRole: async (client) => ({
    ...(await newRole(client)),
    ...firstVersion,
    body: { title: `Title ${randomUUID()}`, permissions: ['links:write'] },
  }),
  deleteRole: newRole,
  addMember: () => ({ body: memberBody() }),
  listMembers: async (client) => {
    await ofMember(client)
    await ofMember(client)
    return {}
  },
  getMember: ofMember,
  updateMember: async (client) => ({ ...(await ofMember(client)), ...firstVersion, body: { roles: ['viewer'] } }),
  suspendMember: ofMember,
  restoreMember: async (client) => {
    const call = await ofMember(client)
    await client.send('POST', `/api/v1/members/${call.params.id}/suspension`)
    return call
  },
  transferOwnership: async (client) => ({
    ...(await ofMember(client)),
    body: { from: (await ofMember(client, ['owner'])).params.id },
  }),
  removeMember: ofMember,
  eraseMember: ofMember,
  createInvitation: () => ({ body: invitationBody() }),
  listInvitations: async (client) => {
    await ofInvitation(client)
    await ofInvitation(client)
    return {}
  },
  getInvitation: ofInvitation,
  revokeInvitation: ofInvitation,
  createTeam: () => ({ body: teamBody() }),
  listTeams: async (client) => {
    await ofTeam(client)
    await ofTeam(client)
    return {}
  },
  getTeam: ofTeam,
  updateTeam: async (client) => ({ ...(await ofTeam(client)), ...firstVersion, body: teamBody() }),
  deleteTeam: ofTeam,
  listTeamMembers: async (client) => {
    const { id } = (await ofTeamMember(client)).params
    await client.send('PUT', `/api/v1/teams/${id}/members/${(await ofMember(client)).params.id}`)
    return { params: { id } }
  },
  addTeamMember: async (client) => ({
    params: { id: (await ofTeam(client)).params.id, personId: (await ofMember(client)).params.id },
  }),
  removeTeamMember: ofTeamMember,
  createGrant: async (client) => ({ body: await grantBody(client) }),
  listGrants: async (client) => {
    await ofGrant(client)
    await ofGrant(client)
    return {}
  },
  removeGrant: ofGrant,
  createServiceAccount: () => ({ body: accountBody() }),
  listServiceAccounts: async (client) => {
    await ofAccount(client)
    await ofAccount(client)
    return {}
  },
  getServiceAccount: ofAccount,
  updateServiceAccount: async (client) => ({ ...(await ofAccount(client)), ...firstVersion, body: accountBody() }),
  deleteServiceAccount: ofAccount,
  createServiceAccountKey: async (client) => ({
    ...(await ofAccount(client)),
    body: { name: `Key ${randomUUID()}`, scopes: ['links:read'] },
  }),
  createScimUser: () => ({ body: scimUser() }),
  listScimUsers: async (client) => {
    await ofScimUser(client)
    return {}
  },
  getScimUser: ofScimUser,
  replaceScimUser: async (client) => ({ ...(await ofScimUser(client)), body: scimUser() }),
  patchScimUser: async (client) => ({ ...(await ofScimUser(client)), body: scimPatch() }),
  deleteScimUser: ofScimUser,
  createScimGroup: () => ({ body: scimGroup() }),
  listScimGroups: async (client) => {
    await ofScimGroup(client)
    return {}
  },
  getScimGroup: ofScimGroup,
  replaceScimGroup: async (client) => ({ ...(await ofScimGroup(client)), body: scimGroup() }),
  patchScimGroup: async (client) => ({ ...(await ofScimGroup(client)), body: scimPatch() }),
  deleteScimGroup: ofScimGroup,
  getScimConfig: () => ({}),
  listScimResourceTypes: () => ({}),
  getScimResourceType: () => ({ params: { id: 'User' } }),
  listScimSchemas: () => ({}),
  getScimSchema: () => ({ params: { id: 'urn:ietf:params:scim:schemas:core:2.0:User' } }),
  getOwnPermissions: () => ({}),
  authorize: () => ({ body: { permission: 'links:read', resource: { kind: 'link', id: randomUUID() } } }),
  createLink: () => ({ body: { ...linkBody(), expiresAt: '2099-01-02T03:04:05Z' } }),
  listLinks: async (client) => {
    await newLink(client)
    await newLink(client)
    return {}
  },
  getLink: ofLink,
  updateLink: async (client) => ({ ...(await ofLink(client)), ...firstVersion, body: linkBody() }),
  archiveLink: ofLink,
  restoreLink: async (client) => {
    const call = await ofLink(client)
    const { status } = await client.send('POST', `/api/v1/links/${call.params.id}/archival`)
    if (status !== 200) throw new Error(`the link was not archived: ${status}`)
    return call
  },
  takeDownLink: async (client) => ({ ...(await ofLink(client)), body: takedownBody() }),
  liftLinkTakedown: async (client) => {
    const call = await ofLink(client)
    await client.send('POST', `/api/v1/links/${call.params.id}/takedown`, { body: takedownBody() })
    return call
  },
  listLinkReports: async (client) => {
    await newReport(client)
    await newReport(client)
    return {}
  },
  dismissLinkReport: newReport,
  blockLinkHost: () => ({ body: blockedHostBody() }),
  listLinkBlockedHosts: async (client) => {
    await newBlockedHost(client)
    await newBlockedHost(client)
    return {}
  },
  unblockLinkHost: newBlockedHost,
  showReportForm: () => ({}),
  reportLink: async (client) => ({ body: { link: (await newLink(client)).code, reason: 'spam' } }),
  createLinkFolder: () => ({ body: folderBody() }),
  listLinkFolders: async (client) => {
    await newFolder(client)
    await newFolder(client)
    return {}
  },
  getLinkFolder: newFolder,
  updateLinkFolder: async (client) => ({ ...(await newFolder(client)), ...firstVersion, body: folderBody() }),
  removeLinkFolder: newFolder,
  getLinkClicks: ofLink,
  simulateVisit: async (client) => ({ ...(await ofLink(client)), body: { userAgent: 'Mozilla/5.0' } }),
  getLinkAnalytics: ofLink,
  exportLinkAnalytics: ofLink,
  getLinkOverview: () => ({}),
  getLinkQr: ofLink,
  createLinks: () => ({ body: { links: [linkBody(), linkBody()] } }),
  updateLinks: async (client) => ({ body: { links: [{ id: (await newLink(client)).id, change: linkBody() }] } }),
  exportLinks: async (client) => {
    await newLink(client)
    return {}
  },
  followLink: async (client) => ({ params: { code: (await newLink(client)).code } }),
  openLink: async (client) => ({
    params: { code: (await newLink(client)).code },
    body: { password: 'said for nothing' },
  }),
  addLinkDomain: () => ({ body: domainBody() }),
  listLinkDomains: async (client) => {
    await newDomain(client)
    await newDomain(client)
    return {}
  },
  getLinkDomain: newDomain,
  listOrphanVisits: newDomain,
  updateLinkDomain: async (client) => ({
    ...(await newDomain(client)),
    ...firstVersion,
    body: { rootTarget: 'https://example.com/' },
  }),
  removeLinkDomain: newDomain,
  verifyLinkDomain: newDomain,
  askForCertificate: () => ({ query: { domain: SHORT_HOST } }),
  createTask: () => ({ body: taskBody() }),
  listTasks: async (client) => {
    await newTask(client)
    await newTask(client)
    return {}
  },
  followTasks: async (client) => {
    await newTask(client)
    return { query: { follow: 'false' } }
  },
  getTask: newTask,
  followTask: async (client) => ({ ...(await newTask(client)), query: { follow: 'false' } }),
  cancelTask: newTask,
  retryTask: newTask,
  redriveTask: async (client) => {
    const call = await newTask(client)
    const { status } = await client.send('POST', `/api/v1/tasks/${call.params.id}/cancellation`)
    if (status !== 200) throw new Error(`the task was not cancelled: ${status}`)
    return call
  },
  listTaskKinds: () => ({}),
  getTaskKind: ofKind,
  declareTaskKind: () => ({ body: kindBody() }),
  removeTaskKind: ofKind,
  // Of whatever kinds there are: so it succeeds where there are none, too.
  claimTasks: () => ({ body: { limit: 1 } }),
  heartbeatTask: async (client) => {
    const { body, params } = await claimedTask(client)
    return { params, body: { ...body, progress: { fraction: 0.5, note: randomUUID() } } }
  },
  completeTask: async (client) => {
    const { body, params } = await claimedTask(client)
    return { params, body: { ...body, result: { text: randomUUID() } } }
  },
  failTask: async (client) => {
    const { body, params } = await claimedTask(client)
    return { params, body: { ...body, message: `Failure ${randomUUID()}` } }
  },
  listMail: async (client) => {
    await newMail(client)
    await newMail(client)
    return {}
  },
  getMail: newMail,
  getMailContent: newMail,
  addMailSuppression: () => ({ body: suppressionBody() }),
  listMailSuppressions: async (client) => {
    await newSuppression(client)
    await newSuppression(client)
    return {}
  },
  removeMailSuppression: newSuppression,
  getMailSender: newSender,
  updateMailSender: async (client) => ({ ...(await newSender(client)), ...firstVersion, body: senderBody() }),
  removeMailSender: newSender,
  receiveSesFeedback: async () => ({ text: (await snsServer()).message() }),
  createOAuthClient: () => ({ body: clientBody() }),
  listOAuthClients: async (client) => {
    await newOAuthClient(client)
    return {}
  },
  getOAuthClient: async (client) => ({ params: { id: await newOAuthClient(client) } }),
  updateOAuthClient: async (client) => ({
    params: { id: await newOAuthClient(client) },
    body: { name: `Application ${randomUUID()}` },
    headers: { 'if-match': '"1"' },
  }),
  rotateOAuthClientSecret: async (client) => ({
    params: { id: await newOAuthClient(client) },
    headers: { 'if-match': '"1"' },
  }),
  removeOAuthClient: async (client) => ({ params: { id: await newOAuthClient(client) } }),
  createRegistrationToken: () => ({ body: { expiresInSeconds: 600 } }),
  listSigningKeys: () => ({}),
  rotateSigningKey: () => ({}),
  createApiKey: () => ({ body: { ...keyBody(), expiresAt: '2099-01-02T03:04:05Z' } }),
  listApiKeys: async (client) => {
    await newKey(client)
    return {}
  },
  getApiKey: ofKey,
  updateApiKey: async (client) => ({ ...(await ofKey(client)), ...firstVersion, body: keyBody() }),
  rotateApiKey: async (client) => ({ ...(await ofKey(client)), body: { overlapSeconds: 60 } }),
  revokeApiKey: ofKey,
  listChannels: () => ({}),
  streamEvents: async (client) => {
    await newLink(client)
    return { query: { channels: 'links', follow: 'false' } }
  },
  listAuditEvents: async (client) => {
    await newLink(client)
    return {}
  },
}
