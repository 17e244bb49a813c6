import { defineRoute, Timestamp } from '@stoa/http'
import { Type } from 'typebox'
import type { RegistrationTokens } from '../openid/registration-tokens.ts'

/** `POST /api/v1/oauth-registration-tokens` */
export function createRegistrationToken(tokens: RegistrationTokens) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/oauth-registration-tokens',
    operationId: 'createRegistrationToken',
    tags: ['Sign-on'],
    summary: 'Let an application register itself',
    description:
      'The initial access token of RFC 7591, shown this once. Whoever has it may register applications that sign people in, at `registration_endpoint`; they get no permission of this API.',
    permission: 'identity:clients:write',
    secretResponse: true,
    schema: {
      body: Type.Object(
        {
          expiresInSeconds: Type.Optional(
            Type.Integer({ minimum: 60, maximum: 2_592_000, description: 'Default: an hour.' }),
          ),
        },
        { title: 'NewRegistrationToken' },
      ),
      response: {
        201: Type.Object(
          {
            token: Type.String({ examples: ['q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA'] }),
            registrationEndpoint: Type.String({ examples: ['https://stoa.example.org/t/acme/clients'] }),
            expiresAt: Timestamp,
          },
          { title: 'RegistrationToken' },
        ),
      },
    },
    handler: async (ctx, { body }) => (await tokens.make(ctx, body.expiresInSeconds ?? 3_600)) as never,
  })
}
