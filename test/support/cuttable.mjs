/** A way to a server that can be cut: bytes go through, until all connections are reset. */
import { once } from "node:events";
import { connect, createServer } from "node:net";

export class CuttableWay {
  #sockets = new Set();
  #server;

  /** @param {string} url the server's origin @returns {Promise<CuttableWay>} */
  static async to(url) {
    const way = new CuttableWay();
    const { hostname, port } = new URL(url);
    way.#server = createServer((near) => way.#join(near, connect(Number(port), hostname)));
    way.#server.listen(0, "127.0.0.1");
    await once(way.#server, "listening");
    /** The origin to ask instead. */
    way.url = `http://127.0.0.1:${way.#server.address().port}`;
    return way;
  }

  #join(near, far) {
    for (const [one, other] of [[near, far], [far, near]]) {
      this.#sockets.add(one);
      one.pipe(other);
      one.on("error", () => {}); // it is told by "close"
      one.on("close", () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }

  /** Resets every connection; new ones go through. */
  cut() {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  stop() {
    this.#server.close();
    this.cut();
  }
}
