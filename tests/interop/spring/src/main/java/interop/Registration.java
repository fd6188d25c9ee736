package interop;

import static org.springframework.security.oauth2.server.authorization.authentication.OAuth2ClientRegistrationAuthenticationValidator.DEFAULT_JWK_SET_URI_VALIDATOR;
import static org.springframework.security.oauth2.server.authorization.authentication.OAuth2ClientRegistrationAuthenticationValidator.DEFAULT_REDIRECT_URI_VALIDATOR;
import static org.springframework.security.oauth2.server.authorization.authentication.OAuth2ClientRegistrationAuthenticationValidator.SIMPLE_SCOPE_VALIDATOR;

import java.util.List;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;
import org.springframework.http.MediaType;
import org.springframework.security.authentication.AuthenticationProvider;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.oauth2.server.authorization.authentication.OAuth2ClientRegistrationAuthenticationProvider;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.authentication.LoginUrlAuthenticationEntryPoint;
import org.springframework.security.web.util.matcher.MediaTypeRequestMatcher;

/**
 * What Spring Boot configures, and besides clients may register themselves: with {@code register=scopes} for scopes too,
 * else as the endpoint does by default.
 */
@Configuration
@ConditionalOnProperty("register")
public class Registration {
  @Bean
  @Order(1)
  SecurityFilterChain server(HttpSecurity http, @Value("${register}") String register) throws Exception {
    return http
        .oauth2AuthorizationServer(server -> {
          http.securityMatcher(server.getEndpointsMatcher());
          server.oidc(Customizer.withDefaults());
          server.clientRegistrationEndpoint(endpoint -> {
            endpoint.openRegistrationAllowed(true);
            if (register.equals("scopes")) endpoint.authenticationProviders(Registration::allowScopes);
          });
        })
        .authorizeHttpRequests(requests -> requests.requestMatchers("/oauth2/register").permitAll().anyRequest().authenticated())
        .exceptionHandling(errors -> errors.defaultAuthenticationEntryPointFor(
            new LoginUrlAuthenticationEntryPoint("/login"), new MediaTypeRequestMatcher(MediaType.TEXT_HTML)))
        .build();
  }

  @Bean
  @Order(2)
  SecurityFilterChain pages(HttpSecurity http) throws Exception {
    return http.authorizeHttpRequests(requests -> requests.anyRequest().authenticated()).formLogin(Customizer.withDefaults()).build();
  }

  private static void allowScopes(List<AuthenticationProvider> providers) {
    for (AuthenticationProvider provider : providers) {
      if (provider instanceof OAuth2ClientRegistrationAuthenticationProvider registration) {
        registration.setAuthenticationValidator(
            DEFAULT_REDIRECT_URI_VALIDATOR.andThen(DEFAULT_JWK_SET_URI_VALIDATOR).andThen(SIMPLE_SCOPE_VALIDATOR));
      }
    }
  }
}
