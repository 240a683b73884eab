/** Where a service is published, as a client outside reaches it. */

export interface PublishedAddress {
    readonly host: string;
    readonly port: number;
}
