import { OneOf } from '@stoa/http'
import { Type } from 'typebox'
import { BROWSERS, DEVICES, SYSTEMS } from '../analytics/user-agent.ts'
import { TARGET_MAX } from '../targets/target-url.ts'

/** Most rules of a link. */
const RULES_MAX = 20
/** Most targets of a split. */
const SPLIT_MAX = 10

const Target = Type.String({
  minLength: 1,
  maxLength: TARGET_MAX,
  description: 'As the target of a link.',
  examples: ['https://example.com/app'],
})

function some<T extends readonly string[]>(words: T, description: string) {
  return Type.Array(OneOf(words), { minItems: 1, maxItems: words.length, uniqueItems: true, description })
}

const When = Type.Object(
  {
    devices: Type.Optional(some(DEVICES, 'Kinds of devices. `bot`: a program that says so.')),
    os: Type.Optional(some(SYSTEMS, 'Operating systems.')),
    browsers: Type.Optional(some(BROWSERS, 'Browsers.')),
    countries: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Z]{2}$' }), {
        minItems: 1,
        maxItems: 250,
        uniqueItems: true,
        description: 'Countries by ISO 3166-1, in capitals. Of a visitor whose country is not known none holds.',
      }),
    ),
    languages: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$', maxLength: 45 }), {
        minItems: 1,
        maxItems: 50,
        uniqueItems: true,
        description: 'The language that the browser wants most: `de` holds for `de-CH` too.',
      }),
    ),
    query: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: Type.String({ minLength: 1, maxLength: 100 }),
            values: Type.Optional(
              Type.Array(Type.String({ maxLength: 200 }), { minItems: 1, maxItems: 50, uniqueItems: true }),
            ),
          },
          { additionalProperties: false },
        ),
        {
          minItems: 1,
          maxItems: 10,
          description: 'Parameters of the visit, all of them: with one of the values, or with any when none is named.',
        },
      ),
    ),
    addresses: Type.Optional(
      Type.Array(Type.String({ minLength: 2, maxLength: 49 }), {
        minItems: 1,
        maxItems: 100,
        uniqueItems: true,
        description: 'Addresses, and ranges such as `198.51.100.0/24` or `2001:db8::/32`.',
      }),
    ),
    from: Type.Optional(Type.String({ format: 'date-time', description: 'From this time on.' })),
    until: Type.Optional(Type.String({ format: 'date-time', description: 'Until this time, exclusive.' })),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description: 'All that are named have to hold; of a list, one.',
    examples: [{ devices: ['mobile'], countries: ['IN'] }],
  },
)

/** A rule: whom it is for, and where they are led. */
export const Rule = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'For people.' })),
    when: When,
    target: Target,
  },
  { additionalProperties: false, title: 'LinkRule' },
)

/** A target of the split. */
export const SplitTarget = Type.Object(
  {
    target: Target,
    weight: Type.Integer({ minimum: 1, maximum: 1_000, description: 'Its share is this part of the sum.' }),
  },
  { additionalProperties: false, title: 'LinkSplitTarget' },
)

/** Rules in their order. */
export const Rules = Type.Array(Rule, {
  maxItems: RULES_MAX,
  description: 'The first rule that holds says where a visitor is led. Default: none.',
  examples: [[{ when: { devices: ['mobile'] }, target: 'https://example.com/app' }]],
})

/** The split. */
export const Split = Type.Array(SplitTarget, {
  maxItems: SPLIT_MAX,
  description:
    'Whom no rule led elsewhere is led to one of these instead of the target, by weight; the same visitor to the same one, without a cookie. Each target is there once. Default: none.',
  examples: [[]],
})

/** A visit that is tried out. */
export const SimulatedVisit = Type.Object(
  {
    at: Type.Optional(Type.String({ format: 'date-time', description: 'When. Default: now.' })),
    userAgent: Type.Optional(Type.String({ maxLength: 1_000, description: 'Default: none.' })),
    acceptLanguage: Type.Optional(Type.String({ maxLength: 500, description: 'Default: none.' })),
    address: Type.Optional(Type.String({ minLength: 2, maxLength: 45, description: 'Default: not known.' })),
    country: Type.Optional(
      Type.String({ pattern: '^[A-Z]{2}$', description: 'Default: that of the address, when it is known.' }),
    ),
    query: Type.Optional(
      Type.String({ maxLength: 2_000, description: 'What follows the question mark: `a=1&b=2`. Default: none.' }),
    ),
  },
  {
    additionalProperties: false,
    title: 'SimulatedVisit',
    examples: [{ userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)', country: 'IN' }],
  },
)

const Text = (description: string) => Type.Union([Type.String(), Type.Null()], { description })

/** What would become of a visit. */
export const LinkSimulation = Type.Object(
  {
    visit: Type.Object(
      {
        at: Type.String({ format: 'date-time' }),
        userAgent: Type.String(),
        acceptLanguage: Type.String(),
        address: Type.String(),
        query: Type.String(),
      },
      { additionalProperties: false, description: 'What was tried out.' },
    ),
    status: Type.Integer({ description: 'Of the answer: of the redirect, 404 before it begins, 410 when it is over.' }),
    target: Text('Where it would lead; null when nowhere.'),
    by: Type.Object(
      {
        kind: OneOf(['rule', 'split', 'target', 'none'], {
          description: 'What decides: a rule, the split, the target of the link; none when it leads nowhere.',
        }),
        index: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
          description: 'Which rule or which target of the split, from 0.',
        }),
        name: Text('The name of the rule.'),
      },
      { additionalProperties: false },
    ),
    visitor: Type.Object(
      {
        device: OneOf(DEVICES),
        os: OneOf(SYSTEMS),
        browser: OneOf(BROWSERS),
        language: Text('The one that is wanted most.'),
        country: Text('By ISO 3166-1.'),
      },
      { additionalProperties: false, description: 'What the visit is taken for.' },
    ),
    rules: Type.Array(
      Type.Object(
        {
          name: Text('The name of the rule.'),
          holds: Type.Boolean(),
          conditions: Type.Array(
            Type.Object(
              { condition: Type.String(), holds: Type.Boolean(), saw: Text('What the visitor showed.') },
              { additionalProperties: false },
            ),
          ),
        },
        { additionalProperties: false },
      ),
      { description: 'Each rule, and what became of its conditions.' },
    ),
  },
  {
    additionalProperties: false,
    title: 'LinkSimulation',
    examples: [
      {
        visit: {
          at: '2026-03-01T12:00:00.000Z',
          userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)',
          acceptLanguage: 'en-IN',
          address: '198.51.100.7',
          query: '',
        },
        status: 302,
        target: 'https://example.com/app',
        by: { kind: 'rule', index: 0, name: 'app' },
        visitor: { device: 'mobile', os: 'ios', browser: 'safari', language: 'en-in', country: 'IN' },
        rules: [{ name: 'app', holds: true, conditions: [{ condition: 'devices', holds: true, saw: 'mobile' }] }],
      },
    ],
  },
)
