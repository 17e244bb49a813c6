import type { Route } from '@stoa/http'
import type { ScimGroups } from '../../scim/scim-groups.ts'
import type { ScimUsers } from '../../scim/scim-users.ts'
import { createScimGroup } from './create-scim-group.ts'
import { createScimUser } from './create-scim-user.ts'
import { deleteScimGroup } from './delete-scim-group.ts'
import { deleteScimUser } from './delete-scim-user.ts'
import { getScimConfig } from './get-scim-config.ts'
import { getScimGroup } from './get-scim-group.ts'
import { getScimResourceType } from './get-scim-resource-type.ts'
import { getScimSchema } from './get-scim-schema.ts'
import { getScimUser } from './get-scim-user.ts'
import { listScimGroups } from './list-scim-groups.ts'
import { listScimResourceTypes } from './list-scim-resource-types.ts'
import { listScimSchemas } from './list-scim-schemas.ts'
import { listScimUsers } from './list-scim-users.ts'
import { patchScimGroup } from './patch-scim-group.ts'
import { patchScimUser } from './patch-scim-user.ts'
import { replaceScimGroup } from './replace-scim-group.ts'
import { replaceScimUser } from './replace-scim-user.ts'

/** What the routes call. */
export interface ScimRoutesDeps {
  readonly users: ScimUsers
  readonly groups: ScimGroups
  readonly publicUrl: () => string
}

/** The routes of SCIM 2.0. */
export function scimRoutes({ groups, publicUrl, users }: ScimRoutesDeps): Route[] {
  return [
    createScimUser(users),
    listScimUsers(users),
    getScimUser(users),
    replaceScimUser(users),
    patchScimUser(users),
    deleteScimUser(users),
    createScimGroup(groups),
    listScimGroups(groups),
    getScimGroup(groups),
    replaceScimGroup(groups),
    patchScimGroup(groups),
    deleteScimGroup(groups),
    getScimConfig(publicUrl),
    listScimResourceTypes(publicUrl),
    getScimResourceType(publicUrl),
    listScimSchemas(publicUrl),
    getScimSchema(publicUrl),
  ]
}
