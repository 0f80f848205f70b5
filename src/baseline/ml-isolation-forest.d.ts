declare module 'ml-isolation-forest' {
  export interface TreeNode {
    readonly left?: TreeNode
    readonly right?: TreeNode
    readonly splitColumn?: number
    readonly splitValue?: number
    /** of a leaf */
    readonly trainingSet?: readonly (readonly number[])[]
  }
  export class IsolationForest {
    constructor(options?: { readonly nEstimators?: number })
    readonly forest: readonly TreeNode[]
    readonly trainingSet: readonly (readonly number[])[]
    train(trainingSet: readonly (readonly number[])[]): void
    predict(data: readonly (readonly number[])[]): number[]
  }
}
