/** What stays in this browser: the device's key and token, and messages that were not acknowledged yet. */

const DATABASE = "homarus";
const VERSION = 1;

export type StoreName = "device" | "outbox";

export class Vault {
  readonly #database: IDBDatabase;

  private constructor(database: IDBDatabase) {
    this.#database = database;
  }

  static async open(name: string = DATABASE): Promise<Vault> {
    const request = indexedDB.open(name, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("device");
      request.result.createObjectStore("outbox");
    };
    return new Vault(await settled(request));
  }

  async get<T>(store: StoreName, key: string): Promise<T | undefined> {
    return settled<T | undefined>(this.#store(store, "readonly").get(key));
  }

  async all<T>(store: StoreName): Promise<T[]> {
    return settled<T[]>(this.#store(store, "readonly").getAll());
  }

  /** Store a value; it is on disk when this returns. */
  async put(store: StoreName, key: string, value: unknown): Promise<void> {
    await this.#write(store, (objects) => objects.put(value, key));
  }

  async remove(store: StoreName, key: string): Promise<void> {
    await this.#write(store, (objects) => objects.delete(key));
  }

  close(): void {
    this.#database.close();
  }

  #store(store: StoreName, mode: IDBTransactionMode): IDBObjectStore {
    return this.#database.transaction(store, mode, { durability: "strict" }).objectStore(store);
  }

  async #write(store: StoreName, change: (objects: IDBObjectStore) => IDBRequest): Promise<void> {
    const transaction = this.#database.transaction(store, "readwrite", { durability: "strict" });
    change(transaction.objectStore(store));
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error("the browser refused to store"));
    });
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's storage failed"));
  });
}
