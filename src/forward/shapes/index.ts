import type { Shape, ShapeId } from '../shape.ts'
import { cef } from './cef.ts'
import { ecs } from './ecs.ts'
import { json } from './json.ts'
import { leef } from './leef.ts'
import { ocsf } from './ocsf.ts'

export const shapes: Readonly<Record<ShapeId, Shape>> = { ocsf, ecs, cef, leef, json }
