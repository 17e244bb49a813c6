import { checkScopesExist } from '@stoa/http'
import { errors, isError, isId, StoaError } from '@stoa/kernel'
import { type Command, columns } from '../command-line.ts'
import { asSentence, Refusal } from '../failure.ts'
import { firstKeys } from '../key-page.ts'
import { permissions } from '../manifest.ts'
import { tenantOf, withApiKeys } from '../with-installation.ts'

const tenant = { type: 'string', value: '<slug>', required: true, doc: 'Whose key.' } as const

/** `stoa key create` */
export const keyCreate: Command = {
  name: 'key create',
  summary: 'Create an API key and print it, this once.',
  options: {
    tenant,
    name: { type: 'string', value: '<text>', required: true, doc: 'For people: where the key is used.' },
    scope: {
      type: 'string',
      value: '<permission>',
      multiple: true,
      required: true,
      doc: "What it may do: links:read, links:*, or '*' for everything. Several times for several.",
    },
    expires: { type: 'string', value: '<days>', doc: 'Days until it ends, such as 90. Default: never.' },
  },
  details: ['Permissions:', ...columns(Object.entries(permissions))].join('\n'),
  async run(program, { values }) {
    const days = daysOf(values.expires?.[0])
    const name = values.name?.[0] as string
    const scopes = scopesOf(values.scope ?? [])
    if (name.length > MAX_NAME_LENGTH) throw new Refusal(`--name has at most ${MAX_NAME_LENGTH} characters.`, 2)
    return await withApiKeys(program, async (installation) => {
      const own = await tenantOf(installation, values.tenant?.[0] as string)
      const expiresAt = days === null ? null : new Date(own.clock.now() + days * 86_400_000)
      const { apiKey, token } = await installation.apiKeys.create(own, { name, scopes, expiresAt })
      program.complain(`The key ${apiKey.id} of ${own.tenant.slug}; it is shown this once:`)
      program.print(token)
      return 0
    })
  },
}

/** As in the API. */
const MAX_NAME_LENGTH = 100

/** Refuses in words of the command line what the verb would refuse in those of the API. */
function scopesOf(words: readonly string[]): readonly string[] {
  for (const word of words) {
    try {
      checkScopesExist([word], Object.keys(permissions))
    } catch (error) {
      const flaw = error instanceof StoaError && error.fields?.[0]
      throw flaw
        ? new Refusal(`${asSentence(`--scope '${word}' ${flaw.message}`)} 'npx stoa help key create' lists them.`, 2)
        : error
    }
  }
  return words
}

function daysOf(text: string | undefined): number | null {
  if (text === undefined) return null
  const days = Number(/^(\d{1,5})d?$/.exec(text)?.[1])
  if (days >= 1) return days
  throw new Refusal(`--expires takes whole days from 1 to 99999, not '${text}'.`, 2)
}

/** `stoa key list` */
export const keysListed: Command = {
  name: 'key list',
  summary: 'List the API keys of a tenant.',
  options: { tenant, json: { type: 'boolean', doc: 'One JSON object per line.' } },
  run: (program, { switches, values }) =>
    withApiKeys(program, async (installation) => {
      const own = await tenantOf(installation, values.tenant?.[0] as string)
      const { data } = await installation.apiKeys.list(own, {}, firstKeys(1_000))
      for (const key of data) {
        const { id, name, prefix, scopes, expiresAt, revokedAt, lastUsedAt, createdAt } = key
        const row = { id, name, prefix, scopes, expiresAt, revokedAt, lastUsedAt, createdAt }
        const ends = expiresAt === null ? '' : `until ${expiresAt.toISOString().slice(0, 10)}`
        const state = revokedAt === null ? ends : 'revoked'
        program.print(
          switches.has('json')
            ? JSON.stringify(row)
            : `${id}  ${prefix}  ${state.padEnd(16)}  ${scopes.join(' ')}  ${name}`,
        )
      }
      return 0
    }),
}

/** `stoa key revoke` */
export const keyRevoke: Command = {
  name: 'key revoke',
  summary: 'Revoke an API key, for ever.',
  args: ['id'],
  options: { tenant },
  async run(program, { args, values }) {
    const id = args.id as string
    if (!isId(id)) throw new Refusal(`'${id}' is not the id of a key: 'npx stoa key list' shows ids.`, 2)
    return await withApiKeys(program, async (installation) => {
      const own = await tenantOf(installation, values.tenant?.[0] as string)
      await installation.apiKeys.revoke(own, id).catch((error: unknown) => {
        if (!isError(error, errors.not_found)) throw error
        throw new Refusal(`The tenant '${own.tenant.slug}' has no key ${id}: 'npx stoa key list' shows its keys.`)
      })
      program.print(`Revoked ${id}.`)
      return 0
    })
  },
}
