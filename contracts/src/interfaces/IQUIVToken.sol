// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// @notice What the other contracts need of QUIVToken.
interface IQUIVToken is IERC20, IERC20Permit {
    function burn(uint256 amount) external;
}
