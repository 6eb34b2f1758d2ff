package peer;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/** Camunda 7 as it starts out of the box; what differs from that is in the settings that side_by_side.py gives. */
@SpringBootApplication
public class PeerApplication {

  public static void main(String[] arguments) {
    SpringApplication.run(PeerApplication.class, arguments);
  }
}
