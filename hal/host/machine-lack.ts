/** The machine lacks something that was asked for: a privilege, an interface, a library. One sentence with the remedy; commands end with code 4. */
export class MachineLack extends Error {
  readonly exitCode = 4;

  constructor(sentence: string) {
    super(sentence);
    this.name = 'MachineLack';
  }
}
