import type { Command } from '../command-line.ts'
import { tenantOf, withSigningKeys } from '../with-installation.ts'

const tenant = { type: 'string', value: '<slug>', required: true, doc: 'Whose tokens it signs.' } as const

/** `stoa signing-key rotate` */
export const signingKeyRotate: Command = {
  name: 'signing-key rotate',
  summary: 'Make the next key that the tokens of a tenant are signed with.',
  options: { tenant },
  details:
    'It is published at once, signs after STOA_SIGNING_KEY_PUBLISH_SECONDS, and the one before goes on checking what it has signed: no token is refused for it.',
  run: (program, { values }) =>
    withSigningKeys(program, async (installation) => {
      const own = await tenantOf(installation, values.tenant?.[0] as string)
      const { alg, kid, signsFrom } = await installation.signingKeys.rotate(own)
      program.print(`The key ${kid} (${alg}) of ${own.tenant.slug} signs from ${signsFrom.toISOString()} on.`)
      return 0
    }),
}

/** `stoa signing-key list` */
export const signingKeysListed: Command = {
  name: 'signing-key list',
  summary: 'List the keys that the tokens of a tenant are signed with.',
  options: { tenant, json: { type: 'boolean', doc: 'One JSON object per line.' } },
  run: (program, { switches, values }) =>
    withSigningKeys(program, async (installation) => {
      const own = await tenantOf(installation, values.tenant?.[0] as string)
      for (const key of await installation.signingKeys.list(own)) {
        const { alg, kid, retiresAt, signsFrom, state } = key
        const times = `from ${signsFrom.toISOString()}${retiresAt === null ? '' : ` until ${retiresAt.toISOString()}`}`
        program.print(switches.has('json') ? JSON.stringify(key) : `${kid}  ${alg}  ${state.padEnd(9)}  ${times}`)
      }
      return 0
    }),
}
