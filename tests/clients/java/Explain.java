import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BinaryNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.requests.RequestHeader;
import org.apache.kafka.common.requests.ResponseHeader;

/**
 * Says in JSON what frames of the protocol hold, by Kafka's own message classes. Reads lines "REQUEST RESPONSE" in hex,
 * frames without their length.
 */
public final class Explain {
  public static void main(String[] none) throws Exception {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] frames = line.split(" ");
      ByteBuffer request = ByteBuffer.wrap(HexFormat.of().parseHex(frames[0]));
      RequestHeader header = RequestHeader.parse(request);
      ApiKeys api = header.apiKey();
      short version = header.apiVersion();
      ByteBuffer response = ByteBuffer.wrap(HexFormat.of().parseHex(frames[1]));
      ResponseHeader.parse(response, api.responseHeaderVersion(version));
      // The body of an ApiVersions response to a version that the broker does not know is in version 0: not kept.
      System.out.println("{\"event\":\"explained\",\"name\":\"" + api.name + "\",\"request\":"
          + json(api.name + "Request", request, version) + ",\"response\":" + json(api.name + "Response", response, version)
          + "}");
    }
  }

  private static JsonNode json(String name, ByteBuffer body, short version) throws Exception {
    String data = "org.apache.kafka.common.message." + name + "Data";
    Message message = (Message) Class.forName(data).getConstructor().newInstance();
    message.read(new ByteBufferAccessor(body), version);
    if (body.hasRemaining()) {
      throw new IllegalStateException(name + " leaves " + body.remaining() + " bytes");
    }
    JsonNode told = (JsonNode) Class.forName(data + "JsonConverter")
        .getMethod("write", Class.forName(data), short.class, boolean.class).invoke(null, message, version, false);
    makeReadable(told);
    return told;
  }

  /** Errors by their names; of bytes only how many there are. */
  private static void makeReadable(JsonNode node) {
    if (node instanceof ObjectNode object) {
      for (Map.Entry<String, JsonNode> field : List.copyOf(object.properties())) {
        String name = field.getKey();
        JsonNode value = field.getValue();
        if (name.toLowerCase().endsWith("errorcode") && value.isNumber()) {
          object.put(name, Errors.forCode(value.shortValue()).name());
        } else if (name.endsWith("SizeInBytes") && value.isNumber()) {
          object.remove(name);
          object.put(name.replace("SizeInBytes", ""), "<" + value.asText() + " bytes>");
        } else if (value instanceof BinaryNode bytes) {
          object.put(name, "<" + bytes.binaryValue().length + " bytes>");
        }
      }
    }
    node.forEach(Explain::makeReadable);
  }
}
