import { assertCompatible, createTenant, type Placement, tenantList } from '@stoa/db'
import { plansOfTenants } from '@stoa/http'
import { didYouMean } from '@stoa/kernel'
import type { Command } from '../command-line.ts'
import { asSentence, Refusal } from '../failure.ts'
import { migrationSets } from '../manifest.ts'
import { withDatabase } from '../with-installation.ts'
import { DEFAULT_PLAN } from './plan.ts'

const PLACEMENTS: readonly Placement[] = ['pool', 'schema']

/** `stoa tenant create` */
export const tenantCreate: Command = {
  name: 'tenant create',
  summary: 'Create a tenant.',
  args: ['slug'],
  options: {
    name: { type: 'string', value: '<text>', doc: 'For people. Default: the slug.' },
    placement: {
      type: 'string',
      value: 'pool|schema',
      doc: 'pool: shares tables with others, kept apart by row level security (default). schema: tables of its own.',
    },
  },
  details: 'Then give it a key: stoa key create --tenant <slug> --name owner --scope "*"',
  async run(program, { args, values }) {
    const slug = args.slug as string
    const placement = placementOf(values.placement?.[0] ?? 'pool')
    return await withDatabase(program, async ({ db, ctx }) => {
      await assertCompatible(db, migrationSets)
      const name = values.name?.[0] ?? slug
      const tenant = await createTenant(db, ctx, migrationSets, { slug, name, placement })
      program.print(`Created the tenant '${tenant.slug}' (${tenant.id}) in the schema ${tenant.schema}.`)
      program.print(`Its first key: npx stoa key create --tenant ${tenant.slug} --name owner --scope '*'`)
      return 0
    })
  },
}

function placementOf(word: string): Placement {
  const placement = PLACEMENTS.find((one) => one === word)
  if (placement) return placement
  const refused = `--placement is one of ${PLACEMENTS.join(', ')}, not '${word}'${didYouMean(word, PLACEMENTS)}`
  throw new Refusal(asSentence(refused), 2)
}

/** `stoa tenant list` */
export const tenantsListed: Command = {
  name: 'tenant list',
  summary: 'List the tenants, each with its plan.',
  options: { json: { type: 'boolean', doc: 'One JSON object per line.' } },
  run: (program, { switches }) =>
    withDatabase(program, async ({ db, ctx }) => {
      await assertCompatible(db, migrationSets)
      let after = ''
      for (;;) {
        const page = await tenantList(db, ctx, { after, limit: 1_000 })
        const planOf = await plansOfTenants(
          db,
          ctx,
          page.map(({ id }) => id),
        )
        for (const { id, slug, name, schema, createdAt } of page) {
          const plan = planOf.get(id) ?? DEFAULT_PLAN
          const row = { id, slug, name, schema, plan, createdAt }
          program.print(
            switches.has('json')
              ? JSON.stringify(row)
              : `${slug.padEnd(40)} ${schema.padEnd(24)} ${plan.padEnd(12)} ${id}  ${name}`,
          )
        }
        const last = page.at(-1)
        if (!last || page.length < 1_000) return 0
        after = last.slug
      }
    }),
}
