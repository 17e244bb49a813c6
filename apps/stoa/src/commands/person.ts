import { identityErrors } from '@stoa/identity/contract'
import { isError } from '@stoa/kernel'
import type { Command } from '../command-line.ts'
import type { Config } from '../config/config.ts'
import { Refusal } from '../failure.ts'
import { addressOf, tenantOf, withPeople } from '../with-installation.ts'

const tenant = { type: 'string', value: '<slug>', required: true, doc: 'Where they belong.' } as const
const AT_ONCE = 500
/** The built-in roles; others are an organisation's own. */
const DEFAULT_ROLE = 'member'
const ROLE = /^[a-z][a-z0-9-]{0,39}$/

/** `stoa person add` */
export const personAdd: Command = {
  name: 'person add',
  summary: 'Add a person, and print the link by which they set their password.',
  args: ['email'],
  options: {
    tenant,
    name: { type: 'string', value: '<text>', doc: 'For people. Default: the address.' },
    role: {
      type: 'string',
      value: '<role>',
      multiple: true,
      doc: 'owner, admin, member (default), viewer, or one of the organisation’s own. Several times for several.',
    },
  },
  details: 'Somebody who is there already becomes a member; a member stays what they are, and gets another link.',
  async run(program, { args, values }) {
    const email = args.email as string
    const name = (values.name?.[0] ?? email).trim()
    if (name === '' || name.length > 200) throw new Refusal('--name has 1 to 200 characters.', 2)
    const roleNames = values.role ?? [DEFAULT_ROLE]
    const bad = roleNames.find((role) => !ROLE.test(role))
    if (bad !== undefined) throw new Refusal(`'${bad}' is not the name of a role.`, 2)
    return await withPeople(program, async (installation) => {
      const own = await tenantOf(installation, values.tenant?.[0] as string)
      const added = installation.people.add(own, { email, name, locale: 'en', roleNames })
      const { person, token } = await added.catch(toRefusal(email, own.tenant.slug))
      program.complain(
        `${person.email} (${person.id}) belongs to ${own.tenant.slug}. The link works once, for an hour:`,
      )
      program.print(passwordLink(installation.config, own.tenant.slug, token))
      return 0
    })
  },
}

/** `stoa person password` */
export const personPassword: Command = {
  name: 'person password',
  summary: 'Print a link by which a person sets a new password.',
  args: ['email'],
  options: { tenant },
  async run(program, { args, values }) {
    const email = args.email as string
    return await withPeople(program, async (installation) => {
      const own = await tenantOf(installation, values.tenant?.[0] as string)
      const token = await installation.people.passwordLink(own, email).catch(toRefusal(email, own.tenant.slug))
      program.complain('The link works once, for an hour:')
      program.print(passwordLink(installation.config, own.tenant.slug, token))
      return 0
    })
  },
}

/** `stoa person reset-second-step` */
export const personResetSecondStep: Command = {
  name: 'person reset-second-step',
  summary: 'Take the authenticator app and the recovery codes of somebody away, who has lost both.',
  args: ['email'],
  options: { tenant },
  details: 'From then on their password is enough, so be sure who asks. Passkeys stay.',
  async run(program, { args, values }) {
    const email = args.email as string
    return await withPeople(program, async (installation) => {
      const own = await tenantOf(installation, values.tenant?.[0] as string)
      const removed = await installation.people.removeSecondStep(own, email).catch(toRefusal(email, own.tenant.slug))
      if (!removed) throw new Refusal(`${email} has no authenticator app.`)
      program.print(`${email} signs in without a second step from now on. They can set up another one under Security.`)
      return 0
    })
  },
}

/** `stoa person suspend` */
export const personSuspend: Command = {
  name: 'person suspend',
  summary: 'Close the account of somebody, in every organisation.',
  args: ['email'],
  details:
    'Sessions, keys and tokens open nothing from now on. What was given out before stays closed after a restore, but for API keys.',
  run: (program, { args }) =>
    withPeople(program, async ({ ctx, people }) => {
      const email = args.email as string
      const done = await people.suspend(ctx, email).catch(toRefusal(email))
      program.print(done ? `${email} is suspended.` : `${email} was suspended already.`)
      return 0
    }),
}

/** `stoa person restore` */
export const personRestore: Command = {
  name: 'person restore',
  summary: 'Open the account of somebody again who was suspended everywhere.',
  args: ['email'],
  run: (program, { args }) =>
    withPeople(program, async ({ ctx, people }) => {
      const email = args.email as string
      const done = await people.restore(ctx, email).catch(toRefusal(email))
      program.print(done ? `${email} can sign in again.` : `${email} was not suspended.`)
      return 0
    }),
}

/** `stoa person list` */
export const peopleListed: Command = {
  name: 'person list',
  summary: 'List the people of a tenant.',
  options: { tenant, json: { type: 'boolean', doc: 'One JSON object per line.' } },
  run: (program, { switches, values }) =>
    withPeople(program, async (installation) => {
      const own = await tenantOf(installation, values.tenant?.[0] as string)
      for (let after = ''; ; ) {
        const members = await installation.people.members(own, after, AT_ONCE)
        for (const { createdAt, email, id, name, roleNames, status, suspendedAt } of members) {
          const state = suspendedAt === null ? status : 'suspended'
          const row = { id, email, name, roleNames, state, createdAt }
          const line = `${id}  ${email.padEnd(32)}  ${state.padEnd(9)}  ${roleNames.join(' ').padEnd(16)}  ${name}`
          program.print(switches.has('json') ? JSON.stringify(row) : line)
        }
        const last = members.at(-1)
        if (!last || members.length < AT_ONCE) return 0
        after = last.email
      }
    }),
}

function toRefusal(email: string, slug?: string) {
  return (error: unknown): never => {
    if (isError(error, identityErrors.email_invalid)) {
      throw new Refusal(`'${email}' is not an e-mail address that mail can be sent to.`, 2)
    }
    if (isError(error, identityErrors.person_not_found)) {
      if (slug === undefined) throw new Refusal(`There is nobody with the address ${email}.`)
      throw new Refusal(`Nobody with the address ${email} belongs to '${slug}': 'npx stoa person list' shows who does.`)
    }
    throw error
  }
}

function passwordLink(config: Config, slug: string, token: string): string {
  return `${addressOf(config)}/t/${slug}/reset?token=${token}`
}
