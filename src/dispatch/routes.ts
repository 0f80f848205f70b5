import type { Order } from '../model/index.ts'
import type { Gateway } from './gateway.ts'

/** A configured gateway and whose orders it hears. */
export interface Route {
  readonly gateway: Gateway
  /** only orders of this tenant; of all tenants when absent */
  readonly tenant?: string
  /** hears only orders that no other can carry out, and those that go further than one that did not hold */
  readonly fallback?: boolean
}

/** Which gateways are told of an order: the configured chain, in its order. */
export class Routes {
  private readonly byName = new Map<string, Route>()

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.byName.set(route.gateway.name, route)
  }

  /**
   * All that can carry the order out and are no fallback; where none can, the first fallback that can. An order that
   * goes further is told to all that can. The same order gives the same names.
   */
  namesFor(order: Order): readonly string[] {
    const able = this.of(order.tenant).filter(({ gateway }) => gateway.cannot(order) === undefined)
    if (order.follows !== undefined) return able.map(nameOf)
    const first = able.filter((route) => route.fallback !== true)
    return (first.length > 0 || !this.hasFirst(order.tenant) ? first : able.slice(0, 1)).map(nameOf)
  }

  /** Those of them that must be told when its lease ends by its time. */
  keepersOf(order: Order): readonly string[] {
    return this.namesFor(order).filter((name) => this.gateway(name)?.keepsUntilReleased === true)
  }

  /** Whether somebody could carry it out who is told only of what goes further. */
  hasFurther(order: Order): boolean {
    const told = this.namesFor(order)
    return this.of(order.tenant).some(
      ({ gateway }) => gateway.cannot(order) === undefined && !told.includes(gateway.name),
    )
  }

  /** Why nobody can carry it out, each gateway's reason; undefined when somebody can, or nobody is to be told at all. */
  whyNobody(order: Order): string | undefined {
    if (!this.hasFirst(order.tenant) || this.namesFor(order).length > 0) return undefined
    return this.of(order.tenant)
      .map(({ gateway }) => `${gateway.name}: ${gateway.cannot(order) ?? 'is told of what goes further'}`)
      .join('; ')
  }

  gateway(name: string): Gateway | undefined {
    return this.byName.get(name)?.gateway
  }

  private hasFirst(tenant: string): boolean {
    return this.of(tenant).some((route) => route.fallback !== true)
  }

  private of(tenant: string): readonly Route[] {
    return [...this.byName.values()].filter((route) => route.tenant === undefined || route.tenant === tenant)
  }
}

function nameOf({ gateway }: Route): string {
  return gateway.name
}
