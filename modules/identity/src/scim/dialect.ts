import type { Dialect } from '@stoa/http'
import { Type } from 'typebox'
import { SCIM_TYPES } from './scim-errors.ts'

const ERROR = 'urn:ietf:params:scim:api:messages:2.0:Error'

/** How SCIM speaks (RFC 7644, 3.1 and 3.12). Its errors carry our code, the id of the request and the fields, too. */
export const scim: Dialect = {
  mediaType: 'application/scim+json',
  problemSchema: Type.Object(
    {
      schemas: Type.Array(Type.String(), { examples: [[ERROR]] }),
      status: Type.String({ examples: ['404'] }),
      scimType: Type.Optional(Type.String({ examples: ['uniqueness'] })),
      detail: Type.String(),
      code: Type.String(),
      requestId: Type.String(),
      errors: Type.Optional(
        Type.Array(Type.Object({ pointer: Type.String(), code: Type.String(), message: Type.String() })),
      ),
    },
    { title: 'ScimError' },
  ),
  problem({ code, detail, errors, requestId, status }) {
    const scimType = SCIM_TYPES[code]
    const more = { ...(scimType && { scimType }), ...(errors && { errors }) }
    return { schemas: [ERROR], status: String(status), detail, code, requestId, ...more }
  },
}
