import { defineRoute } from '@stoa/http'
import type { Authorization } from '../access/authorization.ts'
import { AuthorizationDecision, AuthorizationQuestion } from '../access/schema.ts'

/** `POST /api/v1/authorize` */
export function authorize(authorization: Authorization) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/authorize',
    operationId: 'authorize',
    tags: ['Me'],
    summary: 'Explain what somebody may do',
    description:
      'Whether the caller, or somebody else, may do something; by which role, team or grant; or what is missing. It decides as the guard does, and changes nothing.',
    permission: 'identity:self',
    schema: { body: AuthorizationQuestion, response: { 200: AuthorizationDecision } },
    handler: (ctx, { body }) => authorization.decide(ctx, body),
  })
}
