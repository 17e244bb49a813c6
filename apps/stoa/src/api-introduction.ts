import { VERSION } from './version.ts'

const DESCRIPTION = `**Credentials.** \`Authorization: Bearer …\` with an API key (\`stoa_…\`) or an access token of the organisation's OpenID provider. The first
start prints a key that may do everything; \`POST /api/v1/api-keys\` makes others that may do less. Each operation names the permission that it
needs (\`x-permission\`); a refusal names the one that is missing.

**Refusals** are problems (RFC 9457): \`code\` is for programs and stays, \`detail\` is for people, \`errors\` points to each field at fault (422), and \`requestId\` is in
the log.

**Lists** give \`limit\` items (20) and a \`nextCursor\`, which is the \`cursor\` of the next request; null: that was the last page.

**Writing.** A request that is sent again with the same \`Idempotency-Key\` is carried out once, and answered alike for 24 hours. What has a version
carries it as \`ETag\`; a change of it sends that as \`If-Match\`, and is refused (412) when somebody else was faster.

**Limits.** \`RateLimit\` and \`RateLimit-Policy\` say how the caller stands; 429 says by \`Retry-After\` when to come again.

**What happens** is followed by WebSocket (\`GET /api/v1/realtime\`) or server-sent events (\`GET /api/v1/events\`). Ids are UUIDs of version 7, times RFC 3339 in UTC.`

/** What the API is called, and what callers should know before they look at its operations. */
export const API = { title: 'Stoa', version: VERSION, description: DESCRIPTION } as const
