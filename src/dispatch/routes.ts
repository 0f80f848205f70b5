import type { Order } from '../model/index.ts'
import type { Gateway } from './gateway.ts'

/** A configured gateway and whose orders it hears. */
export interface Route {
  readonly gateway: Gateway
  /** only orders of this tenant; of all tenants when absent */
  readonly tenant?: string
  /** hears only orders that go further than one that did not hold */
  readonly fallback?: boolean
}

/** Which gateways are told of an order. */
export class Routes {
  private readonly byName = new Map<string, Route>()

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.byName.set(route.gateway.name, route)
  }

  namesFor({ tenant, follows }: Pick<Order, 'tenant' | 'follows'>): readonly string[] {
    return this.of(tenant)
      .filter((route) => route.fallback !== true || follows !== undefined)
      .map((route) => route.gateway.name)
  }

  hasFallback(tenant: string): boolean {
    return this.of(tenant).some((route) => route.fallback === true)
  }

  gateway(name: string): Gateway | undefined {
    return this.byName.get(name)?.gateway
  }

  private of(tenant: string): readonly Route[] {
    return [...this.byName.values()].filter((route) => route.tenant === undefined || route.tenant === tenant)
  }
}
